/*
 * Real work on three hosts of a made-up LAN: a C project from Debian is compiled while one of them
 * is killed, and a folder of pictures becomes thumbnails; also a handler that computes for as long
 * as three leases. Takes some minutes, the network that
 * Debian's packages come from, and the right to make network namespaces.
 */
import { whyNoHosts } from '../test/lan/hosts.ts'
import { compileProject } from './long-form/compile.ts'
import { spin } from './long-form/spin.ts'
import { makeThumbnails } from './long-form/thumbnails.ts'

const parts = { compile: compileProject, thumbnails: makeThumbnails, spin }

process.exitCode = await main(process.argv.slice(2))

async function main(wanted: readonly string[]): Promise<number> {
  const why = whyNoHosts()
  if (why !== false) {
    console.error(`error: ${why}`)
    return 1
  }
  let failures = 0
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const began = performance.now()
    const say = (line: string): void => console.log(`${name}: ${line}`)
    try {
      await run(say)
      say(`right, in ${Math.round((performance.now() - began) / 1_000)} s`)
    } catch (error) {
      failures += 1
      say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return failures === 0 ? 0 : 1
}
