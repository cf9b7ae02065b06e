/** A rectangle of the poster, in pixels. */
export interface Tile {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Size of the poster and of its tiles, in pixels. */
export const poster = { width: 960, height: 720, tileSize: 80 } as const

/** Where it looks: a piece of the seahorse valley. */
const view = { re: -0.7436, im: 0.1318, width: 0.0085 } as const

const iterationsMax = 3_000
/** Samples per pixel and direction. */
const samples = 8
const escape = 256

/** All tiles, row by row. */
export function tilesOf(): Tile[] {
  const { width, height, tileSize } = poster
  const tiles: Tile[] = []
  for (let y = 0; y < height; y += tileSize) {
    for (let x = 0; x < width; x += tileSize) {
      tiles.push({ x, y, width: tileSize, height: tileSize })
    }
  }
  return tiles
}

/** One byte of brightness per pixel of the tile. */
export function shadeTile(tile: Tile): Uint8Array {
  const shades = new Uint8Array(tile.width * tile.height)
  const step = view.width / poster.width
  for (let row = 0; row < tile.height; row += 1) {
    for (let column = 0; column < tile.width; column += 1) {
      let sum = 0
      for (let sample = 0; sample < samples * samples; sample += 1) {
        const dx = ((sample % samples) + 0.5) / samples
        const dy = (Math.floor(sample / samples) + 0.5) / samples
        const re = view.re + (tile.x + column + dx - poster.width / 2) * step
        const im = view.im + (tile.y + row + dy - poster.height / 2) * step
        sum += brightness(re, im)
      }
      shades[row * tile.width + column] = Math.round((255 * sum) / (samples * samples))
    }
  }
  return shades
}

/** 0 inside the set; outside, rings that follow how fast the point escapes. */
function brightness(re: number, im: number): number {
  let x = 0
  let y = 0
  for (let iteration = 0; iteration < iterationsMax; iteration += 1) {
    const xx = x * x
    const yy = y * y
    if (xx + yy > escape) {
      const smooth = iteration + 1 - Math.log2(Math.log(xx + yy) / 2)
      return 0.5 - 0.46 * Math.cos(2.4 * Math.log2(Math.max(smooth, 1)))
    }
    y = 2 * x * y + im
    x = xx - yy + re
  }
  return 0
}
