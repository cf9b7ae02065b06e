/** How a command ended, for scripts. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unavailable: 4,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const byName: Readonly<Record<string, ExitCode>> = {
  UsageError: exitCodes.usage,
  CommanderError: exitCodes.usage,
  InvalidParametersError: exitCodes.usage,
  InvalidInputError: exitCodes.usage,
  LineTooLongError: exitCodes.usage,
  PayloadTooLargeError: exitCodes.usage,
  NotFoundError: exitCodes.notFound,
  TaskNotFoundError: exitCodes.notFound,
  NobodyServesError: exitCodes.unavailable,
  NobodyRunsError: exitCodes.unavailable,
  NoMajorityError: exitCodes.unavailable,
  NoPeersError: exitCodes.unavailable,
  QuorumUnavailableError: exitCodes.unavailable,
  TimeoutError: exitCodes.unavailable,
  InterruptedError: exitCodes.interrupted,
}

/** The exit code that an error of this name ends a command with. */
export function exitCodeOf(errorName: string): ExitCode {
  return byName[errorName] ?? exitCodes.failed
}
