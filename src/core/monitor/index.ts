/** Progress and problems: the only way in which the core speaks while it works. */
export * from './monitor.ts';
