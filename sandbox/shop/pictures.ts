/**
 * Pictures of the products, drawn. Colours are classes of shop.css, so that they follow light and dark.
 * @module
 */
import { html } from '../html.ts';

export const lamp = html`<svg viewBox="0 0 320 240" aria-hidden="true" focusable="false">
<rect class="wall-a" width="320" height="240"/>
<path class="glow" d="M112 118 L208 118 L276 240 L44 240 Z"/>
<rect class="table-a" y="198" width="320" height="42"/>
<ellipse class="shade" cx="160" cy="206" rx="62" ry="7"/>
<path class="brass-deep" d="M156 116 h8 v82 h-8 Z"/>
<path class="brass" d="M120 200 q0 -8 40 -8 t40 8 q0 5 -40 5 t-40 -5 Z"/>
<path class="brass" d="M160 44 C126 46 110 84 106 118 L214 118 C210 84 194 46 160 44 Z"/>
<path class="brass-light" d="M150 48 C130 58 120 90 118 118 L138 118 C138 90 142 62 150 48 Z"/>
<ellipse class="bulb" cx="160" cy="118" rx="54" ry="7"/>
<circle class="brass-deep" cx="160" cy="42" r="5"/>
<path class="cord" d="M198 200 C240 204 246 214 320 212"/>
</svg>`;

export const bowl = html`<svg viewBox="0 0 320 240" aria-hidden="true" focusable="false">
<rect class="wall-b" width="320" height="240"/>
<rect class="table-b" y="178" width="320" height="62"/>
<ellipse class="shade" cx="168" cy="196" rx="92" ry="10"/>
<path class="glaze-foot" d="M132 184 h56 l-5 14 h-46 Z"/>
<path class="glaze" d="M70 104 C72 160 112 190 160 190 C208 190 248 160 250 104 Z"/>
<path class="glaze-light" d="M82 112 C88 150 108 174 128 182 C104 164 98 136 98 112 Z"/>
<path class="glaze-foot" d="M118 187 C130 191 146 193 160 193 C174 193 190 191 202 187 L194 184 C176 189 144 189 126 184 Z"/>
<ellipse class="glaze-rim" cx="160" cy="104" rx="90" ry="17"/>
<ellipse class="glaze-deep" cx="160" cy="106" rx="80" ry="12"/>
<path class="steam" d="M140 80 c-8 -12 8 -18 0 -32 M164 74 c-8 -12 8 -18 0 -32 M188 80 c-8 -12 8 -18 0 -32"/>
</svg>`;

export const notebook = html`<svg viewBox="0 0 320 240" aria-hidden="true" focusable="false">
<rect class="wall-c" width="320" height="240"/>
<g transform="rotate(-7 160 124)">
<rect class="shade" x="97" y="48" width="140" height="172" rx="5"/>
<rect class="paper-edge" x="92" y="42" width="142" height="170" rx="4"/>
<rect class="paper-line" x="96" y="46" width="136" height="168" rx="3"/>
<rect class="cover" x="86" y="38" width="140" height="168" rx="4"/>
<path class="cover-deep" d="M90 38 h14 v168 h-14 q-4 0 -4 -4 v-160 q0 -4 4 -4 Z"/>
<path class="stitch" d="M95 50 v14 M95 74 v14 M95 98 v14 M95 122 v14 M95 146 v14 M95 170 v14"/>
<rect class="label" x="124" y="70" width="78" height="44" rx="2"/>
<path class="label-line" d="M134 86 h58 M134 98 h36"/>
<rect class="band" x="208" y="38" width="6" height="168"/>
</g>
<g transform="rotate(24 256 150)">
<rect class="pencil" x="252" y="78" width="10" height="104"/>
<path class="pencil-wood" d="M252 182 h10 l-5 16 Z"/>
<path class="pencil-lead" d="M255 191 h4 l-2 7 Z"/>
<rect class="pencil-end" x="252" y="68" width="10" height="11" rx="2"/>
</g>
</svg>`;

export const kettle = html`<svg viewBox="0 0 320 240" aria-hidden="true" focusable="false">
<rect class="wall-d" width="320" height="240"/>
<rect class="table-d" y="186" width="320" height="54"/>
<ellipse class="shade" cx="164" cy="200" rx="88" ry="10"/>
<path class="handle" d="M100 104 C98 30 222 30 220 104"/>
<path class="iron" d="M214 132 C236 128 244 112 252 98 L268 104 C262 132 246 152 220 158 Z"/>
<path class="iron" d="M82 150 C82 116 114 96 160 96 C206 96 238 116 238 150 C238 182 212 198 160 198 C108 198 82 182 82 150 Z"/>
<path class="iron-light" d="M96 146 C98 124 116 110 140 104 C118 116 110 132 110 152 C110 166 114 176 122 184 C104 176 94 164 96 146 Z"/>
<path class="iron-dots" d="M128 140 h.1 M144 140 h.1 M160 140 h.1 M176 140 h.1 M192 140 h.1 M136 154 h.1 M152 154 h.1 M168 154 h.1 M184 154 h.1 M200 154 h.1 M128 168 h.1 M144 168 h.1 M160 168 h.1 M176 168 h.1 M192 168 h.1"/>
<ellipse class="iron-deep" cx="160" cy="99" rx="46" ry="8"/>
<path class="iron" d="M122 96 q38 -16 76 0 q-38 9 -76 0 Z"/>
<circle class="iron-deep" cx="160" cy="83" r="6"/>
<path class="steam" d="M266 88 c-8 -10 8 -16 0 -28 M280 92 c-8 -10 8 -16 0 -28"/>
</svg>`;
