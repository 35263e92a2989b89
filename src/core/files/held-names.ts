import {
  bytesOfByteString,
  utf8OfByteString,
  type ByteString,
  type System,
} from '../base/index.ts';

/** What Windows takes for a device in any directory, with whatever ending. */
const devices = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:[ .:].*)?$/is;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const notOnWindows = /[\x00-\x1f<>:"/\\|?*]/;
const unitsMax = 255;

/**
 * Why `system` cannot hold `name`, one part of a path, as it is; undefined if it can. What is
 * refused here would be written under another name, to another place or to a device: Windows drops
 * dots and spaces at the end, splits at `\\`, writes into a stream behind `:`; macOS replaces
 * bytes that are not UTF-8. Other systems take bytes.
 */
export function whyNotHeld(name: ByteString, system: System): string | undefined {
  if (system === 'win32') return whyNotOnWindows(name);
  if (system !== 'darwin') return undefined;
  const text = utf8OfByteString(name);
  if (text === undefined) return 'it is not UTF-8';
  return text.length > unitsMax ? `it has more than ${unitsMax} UTF-16 units` : undefined;
}

function whyNotOnWindows(name: ByteString): string | undefined {
  const text = textOfWtf8(name);
  if (text === undefined) return 'it is neither UTF-8 nor UTF-16 in disguise';
  const [forbidden] = notOnWindows.exec(text) ?? [];
  if (forbidden !== undefined) return `it holds the character ${JSON.stringify(forbidden)}`;
  if (/[. ]$/.test(text)) return 'it ends in a dot or space';
  if (devices.test(text)) return 'it is the name of a device';
  return text.length > unitsMax ? `it has more than ${unitsMax} UTF-16 units` : undefined;
}

/** UTF-8, or with halves of surrogate pairs as three bytes each: how names of Windows are bytes. */
export function textOfWtf8(name: ByteString): string | undefined {
  const plain = utf8OfByteString(name);
  if (plain !== undefined) return plain;
  const halves: string[] = [];
  // Two halves that would be a pair must be written as the pair.
  if (/\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]/.test(name)) return undefined;
  const parts = name.split(/(\xed[\xa0-\xbf][\x80-\xbf])/);
  for (const [at, part] of parts.entries()) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of a byte string
    const bytes = part as ByteString;
    const text = at % 2 === 1 ? halfOf(bytesOfByteString(bytes)) : utf8OfByteString(bytes);
    if (text === undefined) return undefined;
    halves.push(text);
  }
  return halves.join('');
}

function halfOf([first = 0, second = 0, third = 0]: Buffer): string {
  return String.fromCharCode(((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f));
}
