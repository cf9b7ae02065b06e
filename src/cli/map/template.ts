import { quote } from './quote.ts'

/** What one task of a `map` is made from. */
export interface Values {
  /** An argument of each source. */
  readonly args: readonly string[]
  /** Counts the tasks, from 1. */
  readonly seq: number
}

/** `{}`, `{.}`, `{/}`, `{/.}`, `{//}`, the same of the n-th argument (from the end if negative), `{#}`. */
const pattern = /\{(?:(#)|(-?\d+)?(\/\/|\/\.|\/|\.)?)\}/g

/** Whether a text has a replacement string. */
export function hasReplacement(text: string): boolean {
  return text.search(pattern) >= 0
}

/**
 * A command with its replacement strings replaced, and the arguments quoted for the shell. Words
 * are joined by spaces as they are; without any replacement string, ` {}` is appended.
 */
export function commandOf(words: readonly string[], values: Values): string {
  const template = words.join(' ')
  // Without a command, the arguments are commands themselves.
  if (template === '') return values.args.join(' ')
  return replace(hasReplacement(template) ? template : `${template} {}`, values, quote)
}

/** The name of a file with its replacement strings replaced. */
export function pathOf(template: string, values: Values): string {
  return replace(template, values, text => text)
}

function replace(template: string, { args, seq }: Values, asWord: (text: string) => string) {
  return template.replaceAll(pattern, (_, count?: string, position?: string, part = '') => {
    if (count !== undefined) return String(seq)
    const chosen = position === undefined ? args : argumentAt(args, Number(position))
    return chosen.map(arg => asWord(partOf(arg, part))).join(' ')
  })
}

/** One that is not there leaves nothing. */
function argumentAt(args: readonly string[], position: number): readonly string[] {
  const arg = args.at(position > 0 ? position - 1 : position)
  return arg === undefined || position === 0 ? [] : [arg]
}

function partOf(arg: string, part: string): string {
  switch (part) {
    case '.':
      return withoutExtension(arg)
    case '/':
      return baseName(arg)
    case '/.':
      return withoutExtension(baseName(arg))
    case '//':
      return folderName(arg)
    default:
      return arg
  }
}

function withoutExtension(path: string): string {
  return path.replace(/\.[^/.]*$/, '')
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function folderName(path: string): string {
  const trimmed = path.replace(/\/+$/, '')
  if (trimmed === '') return path === '' ? '.' : '/'
  const folder = trimmed.slice(0, trimmed.lastIndexOf('/') + 1)
  return folder === '' ? '.' : folder.replace(/(?<=.)\/+$/, '')
}
