import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { ThreeHosts } from './hosts-up.ts'

const pictures = 300
const [width, height] = [160, 120]
const [thumbWidth, thumbHeight] = [40, 30]

/** Nothing of it says when the file was made. */
const resize = `-thumbnail ${thumbWidth}x${thumbHeight} -strip -define png:exclude-chunks=date,time`

/** Makes thumbnails of a folder of pictures on three hosts, and compares them with our own. */
export async function makeThumbnails(say: (line: string) => void): Promise<void> {
  const program = imageMagick()
  await using hosts = new ThreeHosts()
  const { bed } = hosts
  const folder = bed.path('album')
  await mkdir(join(folder, 'pictures'), { recursive: true })
  const names = Array.from({ length: pictures }, (_, i) => `pictures/${i}.png`)
  for (const [i, name] of names.entries()) await writeFile(join(folder, name), pictureOf(i))
  say(`${pictures} pictures of ${width} × ${height}`)

  await hosts.start()
  const map = await bed.run(
    [
      ...['map', '--json', '--data', hosts.nodes[0]?.dataDir ?? ''],
      ...['--send', '{}', '--return', 'thumbs/{/}'],
      `mkdir thumbs; ${program} {} ${resize} thumbs/{/}`,
    ],
    { cwd: folder, input: names.map(name => `${name}\n`).join('') },
  )
  if (map.code !== 0) throw new Error(`map ended with ${map.code}: ${map.stderr}`)

  for (const name of names) {
    const thumb = await readFile(join(folder, name.replace('pictures', 'thumbs')))
    const own = spawnSync('sh', ['-c', `${program} ${name} ${resize} png:-`], { cwd: folder })
    if (!thumb.equals(own.stdout)) throw new Error(`The thumbnail of ${name} is another one`)
    const png = PNG.sync.read(thumb)
    if (png.width !== thumbWidth || png.height !== thumbHeight) {
      throw new Error(`The thumbnail of ${name} has ${png.width} × ${png.height}`)
    }
  }
  say(`made by ${hosts.sharesOf(map.lines)}`)
  say(`${pictures} thumbnails are those that ImageMagick makes here`)
}

/** The program of version 7, or that of version 6. */
function imageMagick(): string {
  for (const program of ['magick', 'convert']) {
    const { stdout } = spawnSync(program, ['-version'], { encoding: 'utf8' })
    if (stdout?.includes('ImageMagick')) return program
  }
  throw new Error('ImageMagick is missing; apt-get install imagemagick')
}

/** A picture like no other. */
function pictureOf(number: number): Buffer {
  const png = new PNG({ width, height })
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4
      png.data[at] = (x * (number + 1)) & 0xff
      png.data[at + 1] = (y * (number + 3)) & 0xff
      png.data[at + 2] = (x ^ y ^ number) & 0xff
      png.data[at + 3] = 0xff
    }
  }
  return PNG.sync.write(png)
}
