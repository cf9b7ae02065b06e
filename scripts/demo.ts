// Shows the main job on this machine: three nodes find each other, share a poster's tiles, and
// finish them although one is killed half-way.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildIfStale } from './demo/build-if-stale.ts'
import { tilesOf } from './demo/mandelbrot.ts'
import { DemoMesh } from './demo/mesh.ts'
import { publishTiles } from './demo/publish-tiles.ts'
import { Poster } from './demo/poster.ts'
import { report } from './demo/report.ts'

/** The whole demo takes less than this, in milliseconds, or is wrong. */
const timeoutMs = 240_000

const say = (text: string): void => console.log(text)

async function demo(folder: string): Promise<boolean> {
  await using mesh = await DemoMesh.start(folder, say)
  await mesh.meet(say)

  const tiles = tilesOf()
  say(`\nPublishing ${tiles.length} tiles of a Mandelbrot poster from ${mesh.publisher.name} …`)
  const poster = new Poster()
  const batch = await publishTiles(mesh, tiles, poster, say)

  const file = resolve('poster.png')
  await poster.save(file)
  report(mesh, batch, file, say)
  return batch.outcomes.size === tiles.length
}

const folder = await mkdtemp(join(tmpdir(), 'meshwork-demo-'))
const timer = setTimeout(() => {
  console.error(`The demo has not ended within ${timeoutMs / 1000} s`)
  process.exit(1)
}, timeoutMs)
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  await buildIfStale(say)
  process.exitCode = (await demo(folder)) ? 0 : 1
} catch (error) {
  console.error(`The demo has failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  clearTimeout(timer)
  await rm(folder, { recursive: true, force: true })
}
