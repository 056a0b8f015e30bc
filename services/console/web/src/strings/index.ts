// Every text that people read stands in this folder, one file for each part of the console.
import { account } from './account'
import { admin } from './admin'
import { common, environment } from './common'
import { customers, scopeLoss } from './customers'
import { domains } from './domains'
import { keys } from './keys'
import { keyForm } from './keyForm'
import { overview } from './overview'
import { settings } from './settings'
import { shell } from './shell'

export const t = { common, environment, shell, keys, keyForm, customers, scopeLoss, domains, settings, account, admin, overview }
