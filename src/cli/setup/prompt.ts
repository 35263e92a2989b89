import { VersionsError } from '../../core/index.ts';
import type { Io } from '../io.ts';

/** Whether somebody is there to be asked. */
export function canAsk({ stdin, stderr }: Io): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks for a text without showing it; the question goes to standard error. */
export async function askSecret(io: Io, message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message, input: io.stdin, output: io.stderr, mask: '*' });
  if (isCancel(answer)) {
    throw new VersionsError('Cancelled', 'CANCELLED', 'Stopped at the question for the password');
  }
  return answer ?? '';
}

/** Asks for a new password, twice until both are the same. */
export async function askNewPassword(io: Io, message: string): Promise<string> {
  let question = message;
  for (;;) {
    const first = await askSecret(io, question);
    if (first === '' || first === (await askSecret(io, 'The same again'))) return first;
    question = 'Those were different. Once more';
  }
}

/** Asks whether to go on; no unless somebody says yes. */
export async function confirm(io: Io, message: string): Promise<boolean> {
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({
    message,
    initialValue: false,
    input: io.stdin,
    output: io.stderr,
  });
  return answer === true;
}
