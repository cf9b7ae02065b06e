import { isAbsolute, posix } from 'node:path'

/** Longest path, in characters. */
const pathCharsMax = 4_096

/**
 * A path of a file within a folder, in its shortest form; `undefined` if it leads elsewhere: it is
 * absolute, or leaves by `..`, or names the folder itself.
 */
export function pathInside(path: string): string | undefined {
  if (path === '' || path.length > pathCharsMax || path.includes('\0')) return undefined
  // On Windows there are drives, and two separators.
  const isForeign = process.platform === 'win32' && /[\\:]/.test(path)
  if (isForeign || isAbsolute(path) || path.endsWith('/')) return undefined
  const short = posix.normalize(path)
  return short === '.' || short === '..' || short.startsWith('../') ? undefined : short
}
