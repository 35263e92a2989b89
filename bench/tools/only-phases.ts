import type { Phase, Tool } from './tool.ts';

/** A tool of which only some phases are measured. */
export function onlyPhases(tool: Tool, ...phases: readonly Phase[]): Tool {
  return {
    ...tool,
    command: (phase, place, outputs) =>
      phases.includes(phase) ? tool.command(phase, place, outputs) : undefined,
  };
}
