/**
 * How an embedded chat looks: a style sheet made by script, which a page's Content-Security-Policy has nothing against.
 * Its colours and its type are those of static/page.css. A page sets `--parley-…` on the element, or `data-theme`. It
 * stands here without indentation, as it is served (service/assets/modules.py).
 * @module
 */

const TEXT = `
:host {
all: initial;
color-scheme: light dark;
--bg: light-dark(#ffffff, #151a1a);
--bg-raised: light-dark(#ffffff, #1f2626);
--text: var(--parley-text, light-dark(#1b2120, #e9eeec));
--muted: light-dark(#5b6664, #a0adaa);
--line: light-dark(#e2e6e4, #2b3434);
--hover: light-dark(#e9edeb, #202828);
--accent: var(--parley-accent, light-dark(#0f766e, #2dbdad));
--accent-text: var(--parley-accent-text, light-dark(#ffffff, #06201d));
--accent-soft: light-dark(#d9efec, #17403c);
--danger: light-dark(#b42318, #ff9c91);
--danger-soft: light-dark(#fdeceb, #3d1d1a);
--warn: light-dark(#8a4b08, #f5c470);
--warn-soft: light-dark(#fdf1dc, #3a2b12);
--link: light-dark(#0b5f8f, #7cc4f0);
--surface: var(--parley-background, var(--bg));
--radius: var(--parley-radius, 14px);
--font: var(--parley-font, system-ui, sans-serif);
--type-xs: 12px;
--type-s: 12.5px;
--type-m: 13px;
--type-l: 13.5px;
--type-body: 15px;
--type-3xl: 16px;
--leading: 1.45;
--weight-strong: 600;
--weight-name: 650;
}
:host([data-theme="light"]) { color-scheme: light; }
:host([data-theme="dark"]) { color-scheme: dark; }
:host([data-mode="bubble"]) {
position: fixed;
inset-block-end: var(--parley-offset, 20px);
inset-inline-end: var(--parley-offset, 20px);
z-index: var(--parley-layer, 2147483000);
}
:host([data-mode="inline"]) { display: block; block-size: var(--parley-height, 480px); }
:host([hidden]) { display: none; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
.hidden {
position: absolute;
inline-size: 1px;
block-size: 1px;
overflow: hidden;
clip-path: inset(50%);
white-space: nowrap;
}
.whole { block-size: 100%; color: var(--text); font: var(--type-body)/var(--leading) var(--font); }
h2, p, ol { margin: 0; padding: 0; list-style: none; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg {
inline-size: 20px;
block-size: 20px;
fill: none;
stroke: currentcolor;
stroke-width: 1.8;
stroke-linecap: round;
stroke-linejoin: round;
}
.corner { position: relative; inline-size: 56px; margin-inline-start: auto; }
.bubble {
display: grid;
place-items: center;
inline-size: 56px;
block-size: 56px;
border-radius: 999px;
background: var(--accent);
color: var(--accent-text);
box-shadow: 0 1px 2px rgb(0 0 0 / 20%), 0 6px 18px rgb(0 0 0 / 25%);
}
.bubble svg { inline-size: 26px; block-size: 26px; }
.badge:empty { display: none; }
.badge {
position: absolute;
inset-block-start: -4px;
inset-inline-end: -4px;
min-inline-size: 22px;
text-align: center;
pointer-events: none;
padding: 1px 6px;
border: 2px solid var(--surface);
border-radius: 999px;
background: #b42318;
color: #fff;
font: var(--weight-strong) var(--type-xs)/1.4 var(--font);
}
.panel {
display: flex;
flex-direction: column;
overflow: hidden;
block-size: 100%;
border: 1px solid var(--line);
border-radius: var(--radius);
background: var(--surface);
}
:host([data-mode="bubble"]) .panel {
inline-size: min(380px, calc(100vw - 40px));
block-size: min(580px, calc(100dvh - 116px));
margin-block-end: 16px;
box-shadow: 0 1px 2px rgb(0 0 0 / 15%), 0 10px 34px rgb(0 0 0 / 25%);
}
header {
display: flex;
align-items: center;
gap: 4px;
padding-block: 8px;
padding-inline: 14px 8px;
border-block-end: 1px solid var(--line);
}
.title { flex: 1; min-inline-size: 0; }
h2 { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font: var(--weight-name) var(--type-body)/1.3 var(--font); }
.people { display: block; color: var(--muted); font-size: var(--type-s); line-height: 17px; }
.icon {
display: grid;
place-items: center;
inline-size: 36px;
block-size: 36px;
border-radius: 10px;
color: var(--muted);
}
.icon:hover { background: var(--hover); color: var(--text); }
:dir(rtl) > header > a svg { scale: -1 1; }
.banner {
display: flex;
align-items: center;
gap: 8px;
padding: 8px 14px;
background: var(--hover);
font-size: var(--type-l);
}
.banner span { flex: 1; }
.banner.wait { background: var(--warn-soft); color: var(--warn); }
.banner.stop { background: var(--danger-soft); color: var(--danger); }
.plain { padding: 3px 10px; border: 1px solid currentcolor; border-radius: 999px; font-size: var(--type-m); }
.frame { position: relative; flex: 1; min-block-size: 0; }
.log { block-size: 100%; overflow-y: auto; overscroll-behavior: contain; padding: 12px 14px; }
.log:focus-visible { outline-offset: -2px; }
.latest {
position: absolute;
inset-block-end: 8px;
inset-inline: 0;
margin-inline: auto;
inline-size: fit-content;
display: flex;
align-items: center;
gap: 4px;
padding: 5px 12px;
border: 1px solid var(--line);
border-radius: 999px;
background: var(--bg-raised);
font-size: var(--type-m);
}
.latest svg { inline-size: 16px; block-size: 16px; }
.day, .note { margin-block: 10px; color: var(--muted); font-size: var(--type-s); text-align: center; overflow-wrap: anywhere; }
.message { display: flex; flex-direction: column; align-items: flex-start; margin-block-start: 4px; }
.message.own { align-items: flex-end; }
.head {
display: flex;
gap: 8px;
align-items: baseline;
max-inline-size: 100%;
margin-block-start: 6px;
font-size: var(--type-s);
color: var(--muted);
}
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--text); font-weight: var(--weight-strong); }
time { flex: none; }
.text {
max-inline-size: 88%;
padding: 7px 12px;
border-radius: calc(var(--radius) * 0.9);
background: var(--hover);
overflow-wrap: anywhere;
white-space: pre-wrap;
}
.own .text { background: var(--accent-soft); }
.gone { color: var(--muted); font-style: italic; }
.edited, .fate { color: var(--muted); font-size: var(--type-xs); }
.failed { color: var(--danger); }
.ways { display: flex; gap: 6px; margin-block: 4px; }
.reactions { display: flex; flex-wrap: wrap; gap: 4px; margin-block-start: 3px; }
.reactions span { padding: 1px 8px; border: 1px solid var(--line); border-radius: 999px; font-size: var(--type-s); }
a { color: var(--link); }
.entrance {
flex: 1;
display: flex;
flex-direction: column;
justify-content: center;
gap: 8px;
padding: 20px;
overflow-y: auto;
}
label { font-weight: var(--weight-strong); }
input, textarea {
inline-size: 100%;
margin: 0;
padding: 9px 12px;
border: 1px solid var(--muted);
border-radius: calc(var(--radius) * 0.9);
background: var(--bg-raised);
font-size: var(--type-3xl);
line-height: 1.4;
}
:placeholder-shown { direction: inherit; }
textarea { display: block; flex: 1; min-inline-size: 0; resize: none; }
::placeholder { color: var(--muted); opacity: 1; }
.primary {
padding: 10px 16px;
border-radius: calc(var(--radius) * 0.9);
background: var(--accent);
color: var(--accent-text);
font-weight: var(--weight-strong);
}
.composer {
display: flex;
flex-wrap: wrap;
align-items: flex-end;
gap: 8px;
padding: 10px;
border-block-start: 1px solid var(--line);
}
.send {
flex: none;
display: grid;
place-items: center;
inline-size: 42px;
block-size: 42px;
border-radius: 999px;
background: var(--accent);
color: var(--accent-text);
}
.objection { flex-basis: 100%; color: var(--danger); font-size: var(--type-m); }
.objection:empty { display: none; }
@media (width < 480px) {
:host([data-mode="bubble"]) { inset-block-end: 12px; inset-inline-end: 12px; }
:host([data-mode="bubble"]) .panel {
inline-size: calc(100vw - 24px);
block-size: calc(100dvh - 96px);
margin-block-end: 12px;
}
}
@media (forced-colors: active) {
.bubble, .send, .primary, .text { border: 1px solid; }
}
`;

export const sheet = new CSSStyleSheet();
sheet.replaceSync(TEXT);
