/**
 * Text that a terminal shows as it is: control characters, of C0, C1 and those that turn the
 * direction of writing around, become `\xNN` or `\u{NNNN}`.
 *
 * Names of files and whatever a mirror holds are the words of strangers; without this they could
 * move the cursor, rewrite what was shown before, or set the title of the window.
 */
export function safeText(text: string): string {
  return text.replace(unsafeCharacters, escapeCharacter);
}

/** The same, but lines stay lines. */
export function safeLines(text: string): string {
  return text.split('\n').map(safeText).join('\n');
}

const unsafeCharacters =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCharacter(character: string): string {
  const short = named[character];
  if (short !== undefined) return short;
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
