// Every text that people read stands in this folder, one file for each part of the console.
import { common, environment } from './common'
import { keys } from './keys'
import { keyForm } from './keyForm'
import { shell } from './shell'

export const t = { common, environment, shell, keys, keyForm }
