/**
 * The node's storage has lost what others rely on, so it must not vote with it any more: somebody has
 * put an old copy in its place. Start the node again: it sets the storage aside and goes on with
 * another one, as `meshwork up` does by itself.
 */
export class QuarantinedError extends Error {
  static override name = 'QuarantinedError'

  readonly reason: string

  constructor(reason: string, options?: ErrorOptions) {
    super(
      `The storage must not be used any more: ${reason}; ` +
        'start the node again, which sets it aside and goes on with another one',
      options,
    )
    this.name = 'QuarantinedError'
    this.reason = reason
  }
}
