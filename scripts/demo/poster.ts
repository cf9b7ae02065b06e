import { writeFile } from 'node:fs/promises'
import { PNG } from 'pngjs'
import { poster, type Tile } from './mandelbrot.ts'

/** A colour as red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number]

const dark: Colour = [12, 10, 24]
const light: Colour = [255, 250, 240]

/** A picture that is put together from tiles, each in the tint of who made it. */
export class Poster {
  readonly #png = new PNG({ width: poster.width, height: poster.height })

  /** Paints a tile from its brightness: from dark over the tint to light. */
  paint(tile: Tile, shades: Uint8Array, tint: Colour): void {
    if (shades.length !== tile.width * tile.height) {
      throw new Error(`A tile has ${shades.length} pixels, not ${tile.width * tile.height}`)
    }
    for (const [index, shade] of shades.entries()) {
      const column = tile.x + (index % tile.width)
      const row = tile.y + Math.floor(index / tile.width)
      const colour = shade < 128 ? mix(dark, tint, shade / 128) : mix(tint, light, shade / 128 - 1)
      this.#png.data.set([...colour, 255], (row * poster.width + column) * 4)
    }
  }

  async save(file: string): Promise<void> {
    await writeFile(file, PNG.sync.write(this.#png))
  }
}

function mix(from: Colour, to: Colour, part: number): Colour {
  const at = (index: 0 | 1 | 2): number =>
    Math.round(from[index] + (to[index] - from[index]) * part)
  return [at(0), at(1), at(2)]
}
