import { allMet, Testbed, type UpNode } from '../../test/e2e/processes.ts'
import { Lan } from '../../test/lan/hosts.ts'

/** Three machines of a made-up LAN, each with a node that runs commands of others. */
export class ThreeHosts implements AsyncDisposable {
  readonly bed = new Testbed()
  readonly nodes: UpNode[] = []
  readonly #lan = new Lan(3)

  async start(): Promise<void> {
    for (const { name, within } of this.#lan.hosts) {
      const options = { within, discover: true, args: ['--allow-run'], concurrency: 2 }
      this.nodes.push(await this.bed.up(name, options))
    }
    await allMet(this.nodes)
  }

  /** How many tasks each node has done, by the objects that a `map --json` has printed. */
  sharesOf(lines: readonly { readonly node?: unknown }[]): string {
    const shares = this.nodes.map(({ name, peerId }) => {
      const own = lines.filter(({ node }) => node === peerId).length
      return `${name.replace(/^.*-/, '')} ${own}`
    })
    return shares.join(', ')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bed[Symbol.asyncDispose]()
    this.#lan[Symbol.dispose]()
  }
}
