/** Another process, or another store of this one, has the data directory open. */
export class StoreLockedError extends Error {
  static override name = 'StoreLockedError'

  readonly directory: string

  constructor(directory: string, options?: ErrorOptions) {
    super(
      `Data directory ${directory} is in use by another node; ` +
        'stop that node or choose another directory',
      options,
    )
    this.name = 'StoreLockedError'
    this.directory = directory
  }
}

/**
 * Something that was durable is missing or changed. A voter that forgot its votes must not
 * vote, so nothing is repaired. A node sets such a storage aside by itself, unless it cannot be told whose
 * it is: then the directory has to be replaced.
 */
export class StoreCorruptError extends Error {
  static override name = 'StoreCorruptError'

  readonly directory: string
  /** What is missing or changed. */
  readonly problem: string

  constructor(directory: string, problem: string, options?: ErrorOptions) {
    super(
      `Data directory ${directory} is corrupt: ${problem}; ` +
        'move it away and start the node with an empty one',
      options,
    )
    this.name = 'StoreCorruptError'
    this.directory = directory
    this.problem = problem
  }
}

/** A newer version of the package wrote the data directory. */
export class StoreVersionError extends Error {
  static override name = 'StoreVersionError'

  readonly directory: string
  /** Format of the directory. */
  readonly found: number
  /** Newest format that this version reads. */
  readonly supported: number

  constructor(directory: string, found: number, supported: number) {
    super(
      `Data directory ${directory} has format ${found}, this version reads up to ${supported}; ` +
        'upgrade it or choose another directory',
    )
    this.name = 'StoreVersionError'
    this.directory = directory
    this.found = found
    this.supported = supported
  }
}

/** The store was used before `open` resolved or after `close`. */
export class StoreClosedError extends Error {
  static override name = 'StoreClosedError'

  readonly directory: string

  constructor(directory: string) {
    super(`Data directory ${directory} is not open; open the store before it is used`)
    this.name = 'StoreClosedError'
    this.directory = directory
  }
}

/** The operating system refused a read, write or sync; `cause` is its answer. */
export class StoreFailedError extends Error {
  static override name = 'StoreFailedError'

  readonly directory: string

  constructor(directory: string, problem: string, options?: ErrorOptions) {
    super(`Data directory ${directory} ${problem}; check the disk and restart the node`, options)
    this.name = 'StoreFailedError'
    this.directory = directory
  }
}

/** The text of whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\s+/g, ' ')
}
