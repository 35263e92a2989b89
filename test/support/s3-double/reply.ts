/** What a request is answered with. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly xml?: string;
  /** The object that `body` is a part of. */
  readonly whole?: Buffer;
}

export function refused(status: number, code: string, more = ''): Reply {
  return {
    status,
    xml: `<Error>${element('Code', code)}${element('Message', code)}${more}</Error>`,
  };
}

export function element(name: string, text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<${name}>${escaped}</${name}>`;
}
