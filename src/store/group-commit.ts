import type { Lsn } from '../core/ids.ts'

export interface GroupCommitInit {
  /** Last entry that is durable at the start. */
  readonly durable: Lsn
  /** Makes everything written before the call durable. */
  sync(): Promise<void>
  onDurable(lsn: Lsn): void
  onFailed(error: unknown): void
}

/**
 * Makes a journal durable with one sync in flight. Whatever is written meanwhile shares the next
 * one, so the number of syncs follows the disk's speed and not the number of appends.
 */
export class GroupCommit {
  readonly #init: GroupCommitInit
  #durable: Lsn
  #written: Lsn
  #stopped = false
  #running: Promise<void> | undefined
  readonly #waiting: (() => void)[] = []

  constructor(init: GroupCommitInit) {
    this.#init = init
    this.#durable = init.durable
    this.#written = init.durable
  }

  get durable(): Lsn {
    return this.#durable
  }

  /** Asks for durability up to an lsn that has been written. */
  written(lsn: Lsn): void {
    this.#written = lsn
    if (this.#running === undefined && !this.#stopped) this.#running = this.#run()
  }

  /** Nothing becomes durable any more. */
  stop(): void {
    this.#stopped = true
  }

  /** Resolves when an lsn that has been written is durable: to false if it never will be. */
  async reached(lsn: Lsn): Promise<boolean> {
    while (this.#durable < lsn && !this.#stopped) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    return this.#durable >= lsn
  }

  /** Resolves when no sync is in flight and none is due. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#durable < this.#written && !this.#stopped) {
        const upTo = this.#written
        if (!(await this.#synced())) return
        this.#durable = upTo
        for (const resolve of this.#waiting.splice(0)) resolve()
        this.#init.onDurable(upTo)
      }
    } finally {
      this.#running = undefined
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  async #synced(): Promise<boolean> {
    try {
      await this.#init.sync()
    } catch (error) {
      this.#stopped = true
      this.#init.onFailed(error)
    }
    return !this.#stopped
  }
}
