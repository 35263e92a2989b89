import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Takes one finding of cdk-nag out, with the reason why it does not matter here. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}
