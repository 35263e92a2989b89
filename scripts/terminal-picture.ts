/**
 * Draws what a terminal showed as an SVG: `node scripts/terminal-picture.ts CAPTURE PICTURE.svg`.
 *
 * CAPTURE is what `script -qc 'stty cols 110; …' CAPTURE` recorded. Nothing is added or left out:
 * what the session wrote over, such as progress, is not in the picture because it was not on the
 * screen at the end. Lines that begin with `$ ` are drawn as what was typed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const columns = 110;
const characterWidth = 7.8;
const lineHeight = 18;
const margin = 18;

/** The lines on the screen after a session, for the few sequences that Versions and npx write. */
export function screenLines(capture: string): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  // oxlint-disable-next-line no-control-regex -- control sequences are what is looked for
  const pattern = /\u001b\[([0-9;?]*)([A-Za-z])|[\s\S]/gu;
  for (const [character, number = '', action] of withoutFrame(capture).matchAll(pattern)) {
    const count = Number(number) || 0;
    if (action === 'A') row = Math.max(0, row - Math.max(1, count));
    else if (action === 'G') column = Math.max(0, count - 1);
    else if (action === 'K') rows[row]?.splice(column);
    else if (action === 'J') {
      rows[row]?.splice(column);
      rows.splice(row + 1);
    } else if (action !== undefined) continue;
    else if (character === '\r') column = 0;
    else if (character === '\n') row += 1;
    else {
      if (column === columns) [row, column] = [row + 1, 0];
      while (rows.length <= row) rows.push([]);
      const line = rows[row] ?? [];
      while (line.length < column) line.push(' ');
      line[column] = character;
      column += 1;
    }
    while (rows.length <= row) rows.push([]);
  }
  const lines = rows.map((line) => line.join('').trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** `script` writes a line of its own before and after. */
function withoutFrame(capture: string): string {
  return capture
    .replace(/^Script started on [^\n]*\n/, '')
    .replace(/\nScript done on [^\n]*\n?$/, '');
}

/** The picture of some lines. */
export function renderPicture(lines: readonly string[]): string {
  const width = Math.ceil(columns * characterWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '<style>text{font:13px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee9}.typed{fill:#a3e4b0;font-weight:bold}</style>',
    `<rect width="${width}" height="${height}" rx="8" fill="#1f2430"/>`,
    ...lines.flatMap((line, index) => (line === '' ? [] : [renderLine(line, index)])),
    '</svg>',
    '',
  ].join('\n');
}

function renderLine(line: string, index: number): string {
  const y = margin + (index + 1) * lineHeight - 5;
  const kind = line.startsWith('$ ') ? ' class="typed"' : '';
  // The length is fixed so that a viewer without these fonts does not draw beyond the edge.
  const length = (line.length * characterWidth).toFixed(1);
  return `<text x="${margin}" y="${y}" textLength="${length}" xml:space="preserve"${kind}>${escapeXml(line)}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

if (import.meta.main) {
  const [capture, picture] = process.argv.slice(2);
  if (capture === undefined || picture === undefined) {
    process.stderr.write('usage: node scripts/terminal-picture.ts CAPTURE PICTURE.svg\n');
    process.exitCode = 2;
  } else {
    writeFileSync(picture, renderPicture(screenLines(readFileSync(capture, 'utf8'))));
  }
}
