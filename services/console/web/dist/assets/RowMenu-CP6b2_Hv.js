<<<<<<<< HEAD:services/console/web/dist/assets/RowMenu-CP6b2_Hv.js
import{t as e}from"./ellipsis-k3TPFaFs.js";import{g as t}from"./useSession-BFLr-ETz.js";import{n}from"./Copy-BC2MyLWb.js";import{E as r}from"./index-C15_05pM.js";import{Ai as i}from"./base-Dt7p-MUC.js";var a=i();function o({name:i,children:o}){return(0,a.jsx)(r,{trigger:(0,a.jsx)(n,{label:`${t.common.actions}: ${i}`,quiet:!0,children:(0,a.jsx)(e,{"aria-hidden":!0})}),children:o})}export{o as t};
========
import{t as e}from"./ellipsis-k3TPFaFs.js";import{g as t}from"./useSession-D3V6kZ0z.js";import{n}from"./Copy-Bt3R8vyu.js";import{E as r}from"./index-5tFQXxEr.js";import{Ai as i}from"./base-Dt7p-MUC.js";var a=i();function o({name:i,children:o}){return(0,a.jsx)(r,{trigger:(0,a.jsx)(n,{label:`${t.common.actions}: ${i}`,quiet:!0,children:(0,a.jsx)(e,{"aria-hidden":!0})}),children:o})}export{o as t};
>>>>>>>> 35c0e90 (Build the web app):services/console/web/dist/assets/RowMenu-E7cgTtIa.js
