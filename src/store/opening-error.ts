import {
  reasonOf,
  StoreClosedError,
  StoreCorruptError,
  StoreFailedError,
  StoreLockedError,
  StoreVersionError,
} from './errors.ts'

const ours: ReadonlySet<string> = new Set([
  StoreLockedError.name,
  StoreCorruptError.name,
  StoreVersionError.name,
  StoreClosedError.name,
  StoreFailedError.name,
])

const environment = /permission denied|no space|read-only|too many open|cannot allocate/i

/** What a failed `open` means: one of the store's own errors, or the bug that it is. */
export function openingError(directory: string, error: unknown): unknown {
  if (!(error instanceof Error) || ours.has(error.name)) return error
  // LevelDB's own reason is the cause of "database is not open".
  const cause = error.cause instanceof Error ? error.cause : error
  const code = codeOf(cause) || codeOf(error)
  const reason = reasonOf(cause)
  if (code === 'LEVEL_LOCKED') return new StoreLockedError(directory, { cause })
  if ('syscall' in cause || (code.startsWith('LEVEL_') && environment.test(reason))) {
    return new StoreFailedError(directory, `cannot be opened: ${reason}`, { cause })
  }
  if (code.startsWith('LEVEL_')) {
    return new StoreCorruptError(directory, `LevelDB cannot read level/: ${reason}`, { cause })
  }
  return error
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
