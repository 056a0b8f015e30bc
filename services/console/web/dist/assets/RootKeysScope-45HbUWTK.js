<<<<<<<< HEAD:services/console/web/dist/assets/RootKeysScope-CZ7r2b5R.js
import{p as e,r as t}from"./useSession-BFLr-ETz.js";import{_ as n}from"./ExpiryCell-ub1VAVJt.js";import{Ai as r}from"./base-Dt7p-MUC.js";var i=r();function a({children:r}){let{environments:a}=t(),o=e.filter(e=>a.some(t=>t.name===e));return(0,i.jsx)(n,{value:{kind:`root`,org:``,listPath:`/admin/root-api-keys`,present:o,may:()=>!0,reason:()=>void 0},children:r})}export{a as t};
========
import{p as e,r as t}from"./useSession-D3V6kZ0z.js";import{_ as n}from"./ExpiryCell-C1WhD5P9.js";import{Ai as r}from"./base-Dt7p-MUC.js";var i=r();function a({children:r}){let{environments:a}=t(),o=e.filter(e=>a.some(t=>t.name===e));return(0,i.jsx)(n,{value:{kind:`root`,org:``,listPath:`/admin/root-api-keys`,present:o,may:()=>!0,reason:()=>void 0},children:r})}export{a as t};
>>>>>>>> 35c0e90 (Build the web app):services/console/web/dist/assets/RootKeysScope-45HbUWTK.js
