import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { loginPageQuery, ofOrganization } from '@/control/queries'
import type { LoginPage } from '@/control/types'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Field, FieldNote } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { SaveBar } from '@/kit/SaveBar'
import { Textarea } from '@/kit/Textarea'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { checkLoginPage, isColour, readLogo } from './loginPage'
import { FormColumn, SettingsPage } from './SettingsPage'

const words = settingsTexts.loginPage

interface Values {
  text: string
  accent: string
  logo: string | null
}

export function LoginPagePage() {
  const { organization } = useOrganization()
  const query = useQuery(loginPageQuery(organization.slug))
  return (
    <SettingsPage title={words.title} subtitle={words.subtitle}>
      <Loaded query={query} failed={settingsTexts.loadFailed}>
        {(data) => <LoginPageForm key={JSON.stringify(data)} page={data} />}
      </Loaded>
    </SettingsPage>
  )
}

function LoginPageForm({ page }: { page: LoginPage }) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { reason } = useIsManager()
  const form = useForm<Values>({ text: page.text, accent: page.accent ?? '', logo: page.logo }, checkLoginPage)
  useUnsaved(form.isDirty)
  const { values, set, errors } = form
  const act = useChange(
    () => controlCall(ofOrganization(org, 'login-page'), { method: 'PATCH', body: { text: values.text.trim(), accent: values.accent || null, logo: values.logo } }),
    { stale: [['login-page', org]], done: words.saved, refused: form.refuse },
  )
  const save = () => form.submit() && act.run()
  const isOff = Boolean(reason)
  return (
    <div className="grid gap-8 wide:grid-cols-[minmax(0,35rem)_minmax(0,22rem)]">
      <FormColumn onSubmit={save}>
        <Field label={words.address}>
          {(control) => (
            <span className="flex items-center gap-1">
              <Input {...control} mono readOnly value={page.url} data-readonly="true" />
              <Copy text={page.url} label={words.copyAddress} />
            </span>
          )}
        </Field>
        <Field label={words.text} mark={t.common.optional} help={words.textHelp} error={errors.text} name="text">
          {(control) => <Textarea {...control} readOnly={isOff} value={values.text} onChange={(event) => set('text', event.target.value)} onBlur={() => form.touch('text')} />}
        </Field>
        <Field label={words.accent} mark={t.common.optional} help={words.accentHelp} error={errors.accent} name="accent">
          {(control) => (
            <Input {...control} mono readOnly={isOff} className="w-32!" placeholder="#2f5bd7" value={values.accent} onChange={(event) => set('accent', event.target.value.trim())} onBlur={() => form.touch('accent')} />
          )}
        </Field>
        <LogoField logo={values.logo} error={errors.logo} isOff={isOff} onChange={(logo) => set('logo', logo)} />
        {act.failure && Object.keys(act.failure.fields()).length === 0 && (
          <Note kind="refused" live>
            {act.failure.problem.detail}
          </Note>
        )}
        <SaveBar
          isDirty={form.isDirty}
          isBusy={act.isBusy}
          errors={errors}
          labels={{ text: words.text, accent: words.accent, logo: words.logo }}
          reason={reason}
          onReset={() => form.reset(form.initial)}
          onSave={save}
        />
      </FormColumn>
      <Preview {...values} name={organization.name} />
    </div>
  )
}

interface LogoProps {
  logo: string | null
  error: string | undefined
  isOff: boolean
  onChange: (logo: string | null) => void
}

function LogoField({ logo, error, isOff, onChange }: LogoProps) {
  const input = useRef<HTMLInputElement>(null)
  const [refused, setRefused] = useState<string>()
  const choose = async (file: File | undefined) => {
    if (!file) return
    const read = await readLogo(file)
    setRefused('error' in read ? read.error : undefined)
    if ('logo' in read) onChange(read.logo)
  }
  return (
    <div data-field="logo">
      <div className="mb-1 text-13 font-medium">{words.logo}</div>
      <div className="flex flex-wrap items-center gap-2">
        <input
          ref={input}
          type="file"
          accept="image/png,image/jpeg,image/webp"
          aria-label={words.chooseLogo}
          className="sr-only"
          tabIndex={-1}
          onChange={(event) => {
            void choose(event.target.files?.[0])
            event.target.value = ''
          }}
        />
        <Button disabled={isOff} onClick={() => input.current?.click()}>
          {words.chooseLogo}
        </Button>
        {logo && (
          <Button kind="ghost" disabled={isOff} onClick={() => onChange(null)}>
            {words.removeLogo}
          </Button>
        )}
      </div>
      <FieldNote id="logo-note" help={words.logoHelp} error={refused ?? error} />
    </div>
  )
}

/** The page as it would look. The colour is drawn in SVG, since the policy allows no style of an element's own. */
function Preview({ text, accent, logo, name }: Values & { name: string }) {
  const colour = isColour(accent) ? accent : undefined
  return (
    <section aria-label={words.preview} className="px-4 max-wide:pb-4 wide:pl-0">
      <div className="mb-1 text-13 font-medium">{words.preview}</div>
      <div aria-hidden className="grid gap-3 rounded-panel border border-line bg-bg p-5">
        {logo ? <img src={logo} alt="" className="h-10 w-auto justify-self-start" /> : <span className="text-16 font-semibold">{name}</span>}
        {text && <p className="text-13 break-words whitespace-pre-line text-muted">{text}</p>}
        <span className="h-8 rounded-control border border-control bg-panel" />
        <span className="h-8 rounded-control border border-control bg-panel" />
        <svg viewBox="0 0 300 32" className="w-full">
          <rect width="300" height="32" rx="6" fill={colour ?? 'currentColor'} className={colour ? undefined : 'text-accent'} />
          <text x="150" y="20" textAnchor="middle" fontSize="13" fontWeight="500" fill="#ffffff">
            {words.previewButton}
          </text>
        </svg>
      </div>
    </section>
  )
}
