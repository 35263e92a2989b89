/** What goes wrong with one request. */
export interface HttpFault {
  /** Answer so, without doing anything. */
  readonly status?: number;
  readonly code?: string;
  /** Break the connection: before anything is read, or after so many bytes of the body. */
  readonly resetAfterBytes?: number;
  /**
   * With a status: refuse before the body was read, and close the connection, so that the answer is
   * lost on whoever does not wait to be let in.
   */
  readonly refusesEarly?: boolean;
  /** Do the work, then break the connection: the answer is lost. */
  readonly losesAnswer?: boolean;
  /** Of the body of the answer, send only so many bytes and break off. */
  readonly truncateTo?: number;
  /** Of the body of the answer, flip a bit of the byte at this offset. */
  readonly flipAt?: number;
  /** Wait before anything else. */
  readonly delayMs?: number;
  /** Never answer. */
  readonly hangs?: boolean;
  /** Do the work, and answer with this text and 200. */
  readonly nonsense?: string;
  /** Pass over what the request asks for besides: whatever a PUT brings is stored as the object. */
  readonly storesAnyway?: boolean;
  /** Leave the `Content-Range` and the range out: give everything. */
  readonly ignoresRange?: boolean;
}

export interface Seen {
  /** Which connection it came over, in the order in which they were made. */
  readonly connection?: number;
  readonly method: string;
  /** Without the bucket; empty for the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** One line of the script: the requests that it is for, and what goes wrong with them. */
export class FaultLine {
  readonly fault: HttpFault;
  readonly #matches: (request: Seen) => boolean;
  #skips = 0;
  #times = 1;

  constructor(matches: (request: Seen) => boolean, fault: HttpFault) {
    this.#matches = matches;
    this.fault = fault;
  }

  after(count: number): this {
    this.#skips = count;
    return this;
  }

  times(count: number): this {
    this.#times = count;
    return this;
  }

  always(): this {
    return this.times(Number.POSITIVE_INFINITY);
  }

  /** Whether this line decides about the request; counts it if so. */
  takes(request: Seen): boolean {
    if (this.#times <= 0 || !this.#matches(request)) return false;
    if (this.#skips > 0) {
      this.#skips -= 1;
      return false;
    }
    this.#times -= 1;
    return true;
  }
}
