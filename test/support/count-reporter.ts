import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** `FILE > TEST: MESSAGE` of what failed, in one line each. */
  failures: string[];
}

/**
 * Prints `N passed, N failed` alone on the last line of standard output, whatever else is printed,
 * and before it what failed, a line `failed: …` each, for whoever sees only the end of a long log.
 *
 * Whatever fails the run without a failing test (a file that does not load, an error outside any
 * test, a test that never ran, a run that never ended) counts as a failure too, so that the line
 * never looks better than the exit code.
 */
export class CountReporter implements Reporter {
  #counts: Counts | undefined;

  onInit(): void {
    // The other reporters still write while the run closes: the last word is said at exit.
    process.once('exit', () => {
      const counts = this.#counts ?? { passed: 0, failed: 1, skipped: 0, failures: ['the run'] };
      const failures = counts.failures.map((failure) => `failed: ${failure}\n`).join('');
      process.stdout.write(`${failures}${countLine(counts)}\n`);
    });
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    const counts: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
    for (const error of unhandledErrors) addFailure(counts, 'outside of any test', error);
    for (const module of modules) addModule(counts, module);
    const total = counts.passed + counts.failed + counts.skipped;
    if (counts.failed === 0 && (total === 0 || reason !== 'passed')) {
      addFailure(counts, 'the run', `${reason} after ${total} tests`);
    }
    this.#counts = counts;
  }
}

function addModule(counts: Counts, module: TestModule): void {
  const file = module.relativeModuleId;
  for (const error of module.errors()) addFailure(counts, file, error);
  for (const suite of module.children.allSuites()) {
    for (const error of suite.errors()) addFailure(counts, `${file} > ${suite.fullName}`, error);
  }
  for (const test of module.children.allTests()) addTest(counts, file, test);
}

function addTest(counts: Counts, file: string, test: TestCase): void {
  const { state, errors } = test.result();
  if (state === 'passed') counts.passed += 1;
  else if (state === 'skipped') counts.skipped += 1;
  else addFailure(counts, `${file} > ${test.fullName}`, errors?.[0] ?? 'it never ran');
}

function addFailure(counts: Counts, where: string, error: unknown): void {
  counts.failed += 1;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  counts.failures.push(`${where}: ${String(message)}`.replaceAll(/\s+/g, ' ').slice(0, 300));
}

function countLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
