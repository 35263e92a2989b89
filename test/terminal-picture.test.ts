import { describe, expect, it } from 'vitest';
import { renderPicture, screenLines } from '../scripts/terminal-picture.ts';

describe('the screen at the end of a session', () => {
  it.each([
    ['plain lines', 'one\r\ntwo\r\n', ['one', 'two']],
    ['the frame of `script`', 'Script started on x\none\r\n\nScript done on y\n', ['one']],
    ['a line written over', 'working\u001b[1G\u001b[0Kdone\r\n', ['done']],
    ['two lines taken back', 'a\r\n1\r\n2\u001b[1A\u001b[1G\u001b[0Jb\r\n', ['a', 'b']],
    ['colours', '\u001b[1mbold\u001b[0m', ['bold']],
    ['a line longer than the terminal', 'x'.repeat(111), ['x'.repeat(110), 'x']],
  ])('%s', (_what, capture, lines) => {
    expect(screenLines(capture)).toEqual(lines);
  });
});

it('the picture holds each line as it is', () => {
  const picture = renderPicture(['$ cat a < b', '', '&']);
  expect(picture).toContain('class="typed">$ cat a &lt; b</text>');
  expect(picture).toContain('>&amp;</text>');
  expect(picture.match(/<text/g)).toHaveLength(2);
});
