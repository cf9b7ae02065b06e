import { spawnSync } from 'node:child_process'

/** LANs made so far: a part of their names. */
let lans = 0

/** Words before a command that make it run somewhere else. */
export type Words = readonly [string, ...string[]]

/** A machine of a made-up LAN: a network namespace of its own. */
export interface Host {
  readonly name: string
  readonly address: string
  /** Before a command, runs it there. */
  readonly within: Words
}

/**
 * Hosts on one Ethernet: network namespaces, each with one leg to a bridge that lies in one more.
 * Nothing of it is visible outside, and all of it goes with `dispose`, or with this process.
 */
export class Lan implements Disposable {
  readonly hosts: readonly Host[]
  readonly #namespaces: string[] = []
  readonly #remove = (): void => {
    // Devices go with their namespaces.
    for (const name of this.#namespaces.splice(0)) spawnSync('ip', ['netns', 'del', name])
  }

  /** Makes `count` hosts. */
  constructor(count: number) {
    lans += 1
    process.once('exit', this.#remove)
    try {
      const bridge = this.#namespace('switch')
      ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge')
      ip('-n', bridge, 'link', 'set', 'br0', 'up')
      this.hosts = Array.from({ length: count }, (_, index) => this.#host(bridge, index + 1))
    } catch (error) {
      this.#remove()
      throw error
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    this.#remove()
  }

  #host(bridge: string, number: number): Host {
    const name = this.#namespace(`host${number}`)
    const address = `10.77.0.${number}`
    const leg = `leg${number}`
    ip('-n', bridge, 'link', 'add', leg, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('-n', bridge, 'link', 'set', leg, 'master', 'br0', 'up')
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    ip('-n', name, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')
    return { name, address, within: within(name) }
  }

  #namespace(role: string): string {
    // Process ids are unique on a machine, so runs side by side do not meet.
    const name = `meshwork-${process.pid}-${lans}-${role}`
    ip('netns', 'add', name)
    this.#namespaces.push(name)
    return name
  }
}

/** A single host without any network but its loopback. */
export class LonelyHost implements Disposable {
  readonly within: Words
  readonly #name = `meshwork-${process.pid}-lonely`
  readonly #remove = (): void => void spawnSync('ip', ['netns', 'del', this.#name])

  constructor() {
    process.once('exit', this.#remove)
    ip('netns', 'add', this.#name)
    ip('-n', this.#name, 'link', 'set', 'lo', 'up')
    this.within = within(this.#name)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    this.#remove()
  }
}

/** Why hosts cannot be made here, or `false` if they can. */
export function whyNoHosts(): string | false {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only'
  try {
    using lan = new Lan(1)
    const [host] = lan.hosts
    const [program, ...rest] = host?.within ?? ['false']
    const { status } = spawnSync(program, [...rest, 'true'])
    return status === 0 ? false : 'commands cannot be run in a network namespace here'
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `network namespaces cannot be made here: ${why}`
  }
}

function within(name: string): Words {
  return ['ip', 'netns', 'exec', name]
}

function ip(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`ip cannot be run: ${error.message}`)
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`)
}
