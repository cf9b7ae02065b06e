/** The node's storage has lost what others rely on, so it must not vote with it any more. */
export class QuarantinedError extends Error {
  static override name = 'QuarantinedError'

  readonly reason: string

  constructor(reason: string, options?: ErrorOptions) {
    super(`The data directory must not be used any more: ${reason}`, options)
    this.name = 'QuarantinedError'
    this.reason = reason
  }
}
