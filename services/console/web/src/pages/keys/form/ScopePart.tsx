import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import type { Customer, Domain } from '@/client/types.gen'
import { Field } from '@/kit/Field'
import { MultiSelect } from '@/kit/MultiSelect'
import { organizationCall, type Page } from '@/lib/api'
import { t } from '@/strings'
import { useKeyScope } from '../scope'
import { errorAt, type FormPart } from './formTypes'

const words = t.keyForm

/** Which domains and customers the key is limited to. */
export function ScopePart({ form }: FormPart) {
  const { values, errors, set } = form
  const domains = useChoices<Domain>('domains', values.environment)
  const customers = useChoices<Customer>('customers', values.environment)
  const domainOptions = domains.items.map(({ name, unicode_name }) => ({ value: name, label: unicode_name }))
  const customerOptions = customers.items.map(({ id, name, external_id }) => ({ value: id, label: name, detail: external_id ?? id }))
  // What is typed can be chosen as it is: the list shows only the first that match.
  const typed = domains.text.trim().toLowerCase()
  const isHost = /^[^\s/]+\.[^\s/.]+$/.test(typed) && !domainOptions.some(({ value }) => value === typed)
  // Only a list that is known to be whole can say that a chosen domain is gone.
  const stale = new Set(domains.isWhole ? form.initial.domains.filter((name) => !domains.items.some((domain) => domain.name === name)) : [])
  return (
    <div className="grid gap-4 wide:grid-cols-2">
      <Field name="domains" label={words.domains} error={errorAt(errors, 'domains')} help={domains.isError ? words.domainsFailed : words.domainsHelp}>
        {(control) => (
          <MultiSelect
            {...control}
            options={isHost ? [...domainOptions, { value: typed, label: typed }] : domainOptions}
            values={values.domains}
            onChange={(next) => set('domains', next)}
            onSearch={domains.setText}
            stale={stale}
            placeholder={t.keys.cell.allDomains}
          />
        )}
      </Field>
      <Field name="customers" label={words.customers} error={errorAt(errors, 'customers')} help={words.customersHelp}>
        {(control) => (
          <MultiSelect
            {...control}
            options={customerOptions}
            values={values.customers}
            onChange={(next) => set('customers', next)}
            onSearch={customers.setText}
            placeholder={words.customersPlaceholder}
          />
        )}
      </Field>
    </div>
  )
}

/** The first of an organization's domains or customers that match what is typed. */
function useChoices<T>(resource: 'domains' | 'customers', environment: FormPart['form']['values']['environment']) {
  const { org } = useKeyScope()
  const [text, setText] = useState('')
  const wanted = useDeferredValue(text.trim())
  const query = useQuery({
    queryKey: [resource, org, environment, 'choices', wanted],
    queryFn: async ({ signal }) =>
      (await organizationCall<Page<T>>(environment!, org, `/${resource}`, { query: { limit: 100, text: wanted }, signal })).data,
    enabled: environment !== null,
    placeholderData: (before) => before,
  })
  return {
    text,
    setText,
    items: query.data?.items ?? [],
    isWhole: wanted === '' && query.isSuccess && !query.isPlaceholderData && query.data.next_cursor === null,
    isError: query.isError,
  }
}
