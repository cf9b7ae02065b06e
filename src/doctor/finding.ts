/**
 * How bad a finding is: as it should be; may hurt, or does under some conditions; keeps a node
 * from starting or the mesh from working.
 */
export type FindingLevel = 'ok' | 'warning' | 'problem'

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, such as `disk` or `multicast`; several findings may share it. */
  readonly check: string
  readonly level: FindingLevel
  /** What was found, in one sentence without a full stop. */
  readonly message: string
  /** What to do about it; there for everything that is not `ok`. */
  readonly remedy?: string | undefined
}

/** Something is as it should be. */
export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message }
}

/** Something may hurt. */
export function warning(check: string, message: string, remedy: string): Finding {
  return { check, level: 'warning', message, remedy }
}

/** Something does not work. */
export function problem(check: string, message: string, remedy: string): Finding {
  return { check, level: 'problem', message, remedy }
}
