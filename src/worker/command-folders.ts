import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OrphanGuard } from './orphan-guard.ts'
import type { ProcessGroup } from './process-group.ts'

/** A folder of one run of a command. */
export interface CommandFolder {
  readonly path: string
  /** The folder in it that the command works in. */
  readonly work: string
  /** Lets the command begin, from then on sure to end with its node. */
  begin(group: ProcessGroup): void
  remove(): Promise<void>
}

/** Folders of the commands of one node, and the guard of their processes. */
export class CommandFolders {
  readonly #graceMs: number
  #folder: string | undefined
  #guard: OrphanGuard | undefined
  #nextId = 1

  /** `graceMs` is how long commands have to end by themselves. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Makes a folder; not asynchronously, as starting a process blocks for longer in any case. */
  open(): CommandFolder {
    const folder = (this.#folder ??= mkdtempSync(join(tmpdir(), 'meshwork-commands-')))
    const path = join(folder, String(this.#nextId++))
    const work = join(path, 'work')
    mkdirSync(work, { recursive: true, mode: 0o700 })
    const guard = (this.#guard ??= new OrphanGuard({ folder, graceMs: this.#graceMs }))
    return {
      path,
      work,
      begin: group => {
        const { id, ended } = group
        if (id === undefined) return
        guard.add(id)
        void ended.then(() => guard.delete(id))
        group.begin()
      },
      remove: () => rm(path, { recursive: true, force: true }),
    }
  }

  /** Removes them all. No command may run any more. */
  async stop(): Promise<void> {
    await this.#guard?.stop()
  }
}
