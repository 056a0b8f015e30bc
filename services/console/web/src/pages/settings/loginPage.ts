import type { Errors } from '@/lib/useForm'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts.loginPage
const logoMax = 64 * 1024
const logoTypes = ['image/png', 'image/jpeg', 'image/webp']

/** The contrast of white text on a colour `#rrggbb`, by WCAG. */
export function contrastWithWhite(colour: string): number {
  const linear = (part: string) => {
    const value = Number.parseInt(part, 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  const [red = 0, green = 0, blue = 0] = (colour.slice(1).match(/../g) ?? []).map(linear)
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
}

export const isColour = (text: string) => /^#[0-9a-f]{6}$/i.test(text)

export function checkLoginPage({ text, accent }: { text: string; accent: string }): Errors {
  const errors: Errors = {}
  if ([...text].length > 500) errors.text = words.errors.textLong
  if (accent !== '' && !isColour(accent)) errors.accent = words.errors.accent
  else if (accent !== '' && contrastWithWhite(accent) < 4.5) errors.accent = words.errors.contrast
  return errors
}

/** A picture as a data URI, or what is wrong with it. */
export async function readLogo(file: File): Promise<{ logo: string } | { error: string }> {
  if (!logoTypes.includes(file.type)) return { error: words.errors.logoType }
  if (file.size > logoMax) return { error: words.errors.logoSize }
  const bytes = new Uint8Array(await file.arrayBuffer())
  return { logo: `data:${file.type};base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}` }
}
