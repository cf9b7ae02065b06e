import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Bytes that a node leaves free for its journal, and a few more for that. */
export const reservedMebibytes = 72

/** A disk of some size, in memory. Gone when it is disposed of, for which nobody may use it. */
export class SmallDisk implements AsyncDisposable {
  readonly folder: string

  /** `undefined` where this user may not mount one. */
  static async mount(mebibytes: number): Promise<SmallDisk | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'meshwork-disk-'))
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'meshwork-test', folder])
      return new SmallDisk(folder)
    } catch {
      await rm(folder, { recursive: true })
      return undefined
    }
  }

  constructor(folder: string) {
    this.folder = folder
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async resize(mebibytes: number): Promise<void> {
    await run('mount', ['-o', `remount,size=${mebibytes}m`, this.folder])
  }

  /** Leaves no byte free. */
  async fill(): Promise<void> {
    await using file = await open(this.path('filling'), 'w')
    const chunk = Buffer.alloc(4_096)
    try {
      for (;;) await file.write(chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  async unfill(): Promise<void> {
    await rm(this.path('filling'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily, so that a file that is still open cannot keep it.
    await run('umount', ['-l', this.folder])
    await rm(this.folder, { recursive: true })
  }
}
