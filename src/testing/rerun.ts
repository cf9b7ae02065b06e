import { sep, dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidParametersError } from '../errors.ts'

/** The variable that gives a seed to clusters that are made without one. */
export const seedVariable = 'MESHWORK_SEED'

/** Where in the tests this package was called. */
export interface CallSite {
  /** The file that runs it again, relative to the working folder. */
  readonly file: string | undefined
  /** The line of the test, as far as the stack tells. */
  readonly line: string | undefined
}

/** Frames in which the test is looked for; by itself a stack has ten. */
const framesMax = 100

/** The seed that the environment gives. */
export function givenSeed(): number | undefined {
  const text = process.env[seedVariable] ?? ''
  if (text === '') return undefined
  const seed = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed
  throw new InvalidParametersError(
    `${seedVariable} must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, not ${text}; ` +
      'unset it for another seed every time',
  )
}

/** The command that runs a test file again, with the seed that failed. */
export function rerunCommand(seed: number, file: string | undefined): string {
  const runner = isVitest() ? 'npx vitest run' : nodeRunner(file)
  return `${seedVariable}=${seed} ${runner}${file === undefined ? '' : ` ${quoted(file)}`}`
}

/** Where this package was called from. */
export function callSite(stack = deepStack()): CallSite {
  const places = stack.split('\n').flatMap(placeIn).filter(isTest)
  const outermost = places.at(-1)
  const file = runningFile() ?? outermost?.file
  return {
    file: file === undefined ? undefined : relative(process.cwd(), resolve(file)),
    line:
      outermost === undefined
        ? undefined
        : `${relative(process.cwd(), outermost.file)}:${outermost.line}`,
  }
}

/** The innermost line of a stack that is the user's. */
export function userPlace(stack: string): string | undefined {
  const place = stack.split('\n').flatMap(placeIn).find(isTest)
  return place === undefined ? undefined : `${place.file}:${place.line}:${place.column}`
}

/** Whether vitest runs the test. */
export function isVitest(): boolean {
  return process.env['VITEST'] !== undefined
}

interface Place {
  readonly file: string
  readonly line: string
  readonly column: string
}

function deepStack(): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = framesMax
  try {
    return new Error('where').stack ?? ''
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function placeIn(frame: string): Place[] {
  const match = /^ +at (?:.*?[ (])??((?:file:\/\/)?\/.*):(\d+):(\d+)\)?$/.exec(frame)
  const [, path = '', line = '', column = ''] = match ?? []
  if (match === null) return []
  return [{ file: path.startsWith('file:') ? fileURLToPath(path) : path, line, column }]
}

/** Neither this package's own, nor the runner's. */
function isTest({ file }: Place): boolean {
  const own = dirname(import.meta.dirname) + sep
  return !file.startsWith(own) && !file.includes(`${sep}node_modules${sep}`)
}

/**
 * The file that the runner runs, where it says so: what makes the cluster may be another, which has
 * no tests.
 */
function runningFile(): string | undefined {
  if (isVitest()) {
    const { __vitest_worker__: worker } = globalThis as {
      readonly __vitest_worker__?: { readonly filepath?: string }
    }
    return worker?.filepath
  }
  return process.env['NODE_TEST_CONTEXT'] === undefined ? undefined : process.argv[1]
}

/** To `node --test` a file is a pattern. */
function nodeRunner(file: string | undefined): string {
  return file !== undefined && /[*?![\]{}]/.test(file) ? 'node' : 'node --test'
}

/** A word of a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
