/** Wakes whoever waits for something to be added to a list: rung by the writer, awaited by the reader. */
export class Bell {
  #waiting = Promise.withResolvers<void>();

  ring(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers<void>();
  }

  /** Resolves at the next ring. */
  next(): Promise<void> {
    return this.#waiting.promise;
  }
}
