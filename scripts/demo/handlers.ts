// The queues of the demo: what each of its nodes serves.
import { shadeTile, type Tile } from './mandelbrot.ts'

/** Shades one tile of the poster: pure arithmetic, some tenths of a second of it. */
export function tile(input: Tile): Tile & { readonly shades: string } {
  return { ...input, shades: Buffer.from(shadeTile(input)).toString('base64') }
}
