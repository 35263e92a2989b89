/** What Lambda tells a function about the time it has. */
export interface RunTime {
  getRemainingTimeInMillis(): number;
}

/** Kept for noting results, and for putting back what there was no time for. */
const reserveMs = 30_000;
/** By then a call that has stalled must have been given up. */
const lastMs = 5_000;

/** Tells when to begin nothing more, and when to give up what was begun. */
export interface TimeLeft extends Disposable {
  readonly hasTime: () => boolean;
  readonly signal: AbortSignal;
}

/** A tenth of a short run is kept, and half a minute of a long one. */
export function timeLeft(runTime: RunTime): TimeLeft {
  const whole = runTime.getRemainingTimeInMillis();
  const reserve = Math.min(reserveMs, whole / 4);
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new Error('The time of the function is over')),
    Math.max(0, whole - Math.min(lastMs, whole / 10)),
  );
  return {
    hasTime: () => runTime.getRemainingTimeInMillis() > reserve,
    signal: controller.signal,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
