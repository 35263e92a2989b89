import ts from 'typescript';
import { codeOnly, type SourceFile } from './source-files.ts';

export const fileLinesMax = 600;
export const functionLinesMax = 70;

/** Functions longer than allowed that wait to be split, as `path: name`. It may only get shorter. */
export const functionsToSplit: readonly string[] = [];

/** Everything untidy in a file, one sentence each. */
export function findUntidy(file: SourceFile): string[] {
  const findings = [...findBadName(file), ...findLeftovers(file), ...findForeignWords(file)];
  if (file.path.endsWith('.ts') || file.path.endsWith('.js')) {
    findings.push(...findLongFile(file), ...findDebugging(file));
    // A test's `describe` is a chapter, not a function.
    if (!/\.test\.ts$|^test\/contract\//.test(file.path)) findings.push(...findLongFunctions(file));
  }
  if (file.path.endsWith('.md')) findings.push(...findTitles(file));
  return findings.map((finding) => `${file.path}: ${finding}`);
}

const kebabCase = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/;
const documentNames = /^(?:README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$|^LICENSE$/;

function findBadName({ path }: SourceFile): string[] {
  const names = path.split('/');
  return names.some((name) => !kebabCase.test(name) && !documentNames.test(name))
    ? ['its name is not in kebab-case']
    : [];
}

// Here and below one letter of each word stands in brackets, so that this file does not find itself.
const leftovers = /\b(?:FIXM[E]|TOD[O]|XX[X]|HAC[K])\b/;

function findLeftovers({ text }: SourceFile): string[] {
  return linesMatching(text, leftovers).map((line) => `line ${line} holds a leftover note`);
}

const foreignWords = new RegExp(
  [
    '/wor[k]/(?:main|shared)|bash_job[s]|\\.librar[y]\\b|\\bfar[m]-',
    'registry\\.npmj[s]|npm\\.pkg\\.githu[b]|"resolve[d]":',
    'co-founde[r]|\\bsubagen[t]|share[d]/(?:design|style|cli|engines|mission)\\.md',
  ].join('|'),
  'i',
);

/** The project speaks only of itself: no place of the machine it was written on, no host that served its packages. */
function findForeignWords({ text }: SourceFile): string[] {
  return linesMatching(text, foreignWords).map((line) => `line ${line} speaks of another place`);
}

const debugging = /\bdebugger\b|\bdbg\s*\(|\b(?:it|test|describe|suite)(?:\.\w+)*\.only\b/;

function findDebugging({ text }: SourceFile): string[] {
  return linesMatching(codeOnly(text), debugging).map((line) => `line ${line} is for debugging`);
}

function findLongFile({ text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  return lines > fileLinesMax ? [`it has ${lines} lines, more than ${fileLinesMax}`] : [];
}

function findLongFunctions({ path, text }: SourceFile): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const findings: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const name = nameOf(node);
      const lines = lineAt(source, node.end) - lineAt(source, node.getStart()) + 1;
      if (lines > functionLinesMax && !functionsToSplit.includes(`${path}: ${name}`)) {
        findings.push(`function ${name} has ${lines} lines, more than ${functionLinesMax}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  return named?.getText() ?? `at line ${lineAt(node.getSourceFile(), node.getStart())}`;
}

function lineAt(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

function findTitles({ text }: SourceFile): string[] {
  const titles = linesMatching(text.replace(/^```.*?^```/gms, ''), /^# /).length;
  return titles === 1
    ? []
    : [`it has ${titles} titles (lines that start with one #) instead of one`];
}

/** Numbers of the lines that match. */
function linesMatching(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}
