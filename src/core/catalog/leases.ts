import { assert, VersionsError } from '../errors/index.ts';

/** The right to do a piece of work, such as healing one object, for a while. */
export interface Lease {
  readonly name: string;
  /** Who holds it: random, one for each run. */
  readonly holder: string;
  /** The fencing token: higher than that of every earlier lease of the name. */
  readonly token: number;
  /** Milliseconds since 1970. From then on another one may take it. */
  readonly expiresAt: number;
}

/** For how long a lease is wanted, and what time its taker believes it is. */
export interface LeaseTerm {
  readonly now: number;
  readonly ms: number;
}

/**
 * Leases keep two workers from doing the same work at once. They save work; nothing is correct only
 * because of them, since clocks differ and a process may sleep for longer than its lease. Whoever
 * must know that nobody came in between calls `renewLease` first: it fails if somebody did.
 */
export interface Leases {
  /**
   * Takes the lease `name`, if nobody holds it or its time is over, in one conditional write. The
   * holder itself gets it anew, with a new token. Errors: `Conflict` (LEASE_HELD).
   */
  acquireLease(name: string, holder: string, term: LeaseTerm): Promise<Lease>;
  /**
   * Goes on with a lease, also after its time was over if nobody has taken it since. Errors:
   * `Conflict` (LEASE_LOST).
   */
  renewLease(lease: Lease, term: LeaseTerm): Promise<Lease>;
  /** Gives a lease back. One that was lost is left to whoever has it now. */
  releaseLease(lease: Lease): Promise<void>;
}

/** The holder of a lease that was given back: nobody. */
export const noHolder = '';

/** How long what is known of a lease is kept when it has ended. */
export const leaseKeptMs: number = 24 * 60 * 60 * 1000;

/** The lease that follows what is known of the name. Throws if somebody else holds that. */
export function nextLease(
  name: string,
  holder: string,
  term: LeaseTerm,
  known: Pick<Lease, 'holder' | 'token' | 'expiresAt'> | undefined,
): Lease {
  assertTerm(name, holder, term);
  const isFree = known === undefined || known.holder === noHolder || known.expiresAt <= term.now;
  if (!isFree && known.holder !== holder) throw leaseHeld(name, known.expiresAt);
  return { name, holder, token: tokenAfter(known?.token, term.now), expiresAt: endOf(term) };
}

/**
 * Tokens count up, and are never below the time: so they keep rising when a table has dropped the
 * row of a lease that ended long ago.
 */
export function tokenAfter(token: number | undefined, now: number): number {
  return Math.max((token ?? 0) + 1, now);
}

export function endOf({ now, ms }: LeaseTerm): number {
  return now + ms;
}

export function assertTerm(name: string, holder: string, { now, ms }: LeaseTerm): void {
  assert(name !== '' && holder !== noHolder, 'A lease has a name and a holder');
  assert(Number.isSafeInteger(now) && now >= 0, `The time of lease ${name} is invalid`);
  assert(Number.isSafeInteger(ms) && ms > 0, `The term of lease ${name} is invalid`);
}

function leaseHeld(name: string, expiresAt: number): VersionsError {
  return new VersionsError('Conflict', 'LEASE_HELD', `Another run is at work on ${name}`, {
    hint: 'Run the command again when it has ended; a lease ends by itself after a while',
    context: { name, expiresAt },
  });
}

export function leaseLost(name: string): VersionsError {
  return new VersionsError(
    'Conflict',
    'LEASE_LOST',
    `Another run has taken over the work on ${name}`,
    { hint: 'Run the command again when it has ended', context: { name } },
  );
}
