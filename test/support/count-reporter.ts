import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Prints `N passed, N failed` alone on the last line of standard output, whatever else is printed.
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
      process.stdout.write(`${countLine(this.#counts ?? { passed: 0, failed: 1, skipped: 0 })}\n`);
    });
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) addModule(counts, module);
    const total = counts.passed + counts.failed + counts.skipped;
    if (counts.failed === 0 && (total === 0 || reason !== 'passed')) counts.failed = 1;
    this.#counts = counts;
  }
}

function addModule(counts: Counts, module: TestModule): void {
  counts.failed += module.errors().length;
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') counts.passed += 1;
    else if (state === 'skipped') counts.skipped += 1;
    else counts.failed += 1;
  }
}

function countLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
