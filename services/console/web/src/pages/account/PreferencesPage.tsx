import { useState, type ReactNode } from 'react'
import { Note } from '@/kit/Note'
import { Segments } from '@/kit/Segments'
import { controlCall } from '@/lib/api'
import { preferences, setPreferences, type Preferences, type Theme } from '@/lib/preferences'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'
import { SettingsPage } from '../settings/SettingsPage'

const words = accountTexts.preferences
const options = <V extends string>(names: Record<V, string>) => (Object.keys(names) as V[]).map((value) => ({ value, label: names[value] }))

/** What takes effect at once, here and, through the account, in other browsers. */
export function PreferencesPage() {
  const held = useHeld(preferences)
  const [isLocal, setLocal] = useState(false)
  const set = (change: Partial<Preferences>) => {
    setPreferences(change)
    controlCall('/account', { method: 'PATCH', body: { preferences: preferences.get() } }).then(
      () => setLocal(false),
      () => setLocal(true),
    )
  }
  return (
    <SettingsPage title={words.title} subtitle={words.subtitle}>
      <div className="grid max-w-140 gap-5 px-4 wide:px-6">
        <Row label={words.theme}>
          <Segments<Theme> label={words.theme} options={options(t.shell.themes)} value={held.theme} onChange={(theme) => set({ theme })} />
        </Row>
        <Row label={words.density}>
          <Segments<Preferences['density']> label={words.density} options={options(words.densities)} value={held.density} onChange={(density) => set({ density })} />
        </Row>
        <Row label={words.motion}>
          <Segments<Preferences['motion']> label={words.motion} options={options(words.motions)} value={held.motion} onChange={(motion) => set({ motion })} />
        </Row>
        <Row label={words.shortcuts} help={words.shortcutsHelp}>
          <Segments<Preferences['shortcuts']> label={words.shortcuts} options={options({ on: words.on, off: words.off })} value={held.shortcuts} onChange={(shortcuts) => set({ shortcuts })} />
        </Row>
        {isLocal && (
          <Note kind="caution" live>
            {words.failed}
          </Note>
        )}
      </div>
    </SettingsPage>
  )
}

const Row = ({ label, help, children }: { label: string; help?: string; children: ReactNode }) => (
  <div>
    <div className="mb-1 text-13 font-medium">{label}</div>
    {children}
    {help && <p className="mt-1 text-12 text-muted">{help}</p>}
  </div>
)
