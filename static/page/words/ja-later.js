/**
 * 日本語。後から読み込まれる部分の言葉。
 * @module
 */

import { count, say, span } from "../words.js";

/** @import { LaterWords, Sanction } from "../words.js" */

/** @param {Sanction} what */
const who = ({ name, network }) => (network ? say`${name}さんと同じネットワークのゲスト全員` : say`${name}さん`);

/** @param {string | null} room */
const place = (room) => (room === null ? "すべてのルーム" : `#${room} `);

/** @param {string | null} room */
const entered = (room) => (room === null ? "このチャット" : `#${room} `);

/** @param {Sanction} what */
const lasting = ({ seconds }) => (seconds === null ? "解除するまで" : `期間：${span(seconds)}`);

/** @type {LaterWords} */
export const words = {
  out: {
    title: "ログアウトしますか？",
    what: "このブラウザに保存されているルームの一覧と書きかけの文は消えます。",
    guest: "ゲストは同じ人として戻ることができません。",
    waiting: (messages) => count(messages, { other: "あなたのメッセージ # 件は送信されません。" }),
    instead: "代わりにログイン",
    stay: "このまま続ける",
    go: "ログアウト",
  },

  picker: {
    emoji: "絵文字",
    search: "絵文字を検索（英語）",
    groups: "グループ",
    group: {
      "smileys-emotion": "顔と感情",
      "people-body": "人と体",
      "animals-nature": "動物と自然",
      "food-drink": "食べ物と飲み物",
      "travel-places": "旅行と場所",
      activities: "活動",
      objects: "物",
      symbols: "記号",
      flags: "旗",
    },
    recent: "最近使ったもの",
    found: "検索結果",
    none: "その名前の絵文字はありません",
    results: (emoji) => count(emoji, { other: "絵文字が # 個見つかりました" }),
    tone: "肌の色",
    tones: ["なし", "明るい", "やや明るい", "中間", "やや暗い", "暗い"],
    toneIs: (tone) => `肌の色：${tone}`,
  },

  tools: {
    bar: "メッセージ",
    pick: "リアクションを選ぶ",
    link: "このメッセージへのリンクをコピー",
    linkCopied: "このメッセージへのリンクをコピーしました。",
    edit: "編集",
    remove: "削除",
    react: (emoji) => `${emoji} でリアクション`,
  },

  moderation: {
    what: "対応",
    restrict: "制限する",
    lift: "解除する",
    actions: {
      mute: "発言を禁止",
      slow: "発言を制限",
      kick: "退室させる",
      ban: "入室を禁止",
      unmute: "発言の禁止を解除",
      unslow: "発言の制限を解除",
      unban: "入室の禁止を解除",
    },
    where: "場所",
    here: (room) => `#${room} で`,
    everywhere: "すべてのルームで",
    forHowLong: "期間",
    forGood: "解除するまで",
    reason: "理由（本人に伝えられます）",
    network: "同じネットワークのゲスト全員にも",
    undo: "元に戻す",
    will: {
      mute: (what) => `${who(what)}は${place(what.room)}で発言できなくなります（${lasting(what)}）。`,
      slow: (what) => `${who(what)}は${place(what.room)}で 10 秒に 1 件しか発言できなくなります（${lasting(what)}）。`,
      kick: ({ name, room }) => `${say`${name}`}さんは${entered(room)}から退室させられます。また入ることはできます。`,
      ban: (what) => `${who(what)}は${entered(what.room)}に入れなくなります（${lasting(what)}）。`,
      unmute: (what) => `${who(what)}は${place(what.room)}でまた発言できるようになります。`,
      unslow: (what) => `${who(what)}は${place(what.room)}でほかの人と同じように発言できるようになります。`,
      unban: (what) => `${who(what)}は${entered(what.room)}にまた入れるようになります。`,
    },
    done: {
      mute: (what) => `${place(what.room)}での発言を禁止しました：${who(what)}（${lasting(what)}）。`,
      slow: (what) => `${place(what.room)}での発言を制限しました：${who(what)}（${lasting(what)}）。`,
      kick: ({ name, room }) => `${say`${name}`}さんを${entered(room)}から退室させました。`,
      ban: (what) => `${entered(what.room)}への入室を禁止しました：${who(what)}（${lasting(what)}）。`,
      unmute: (what) => `${place(what.room)}での発言の禁止を解除しました：${who(what)}。`,
      unslow: (what) => `${place(what.room)}での発言の制限を解除しました：${who(what)}。`,
      unban: (what) => `${entered(what.room)}への入室の禁止を解除しました：${who(what)}。`,
    },
    notTakenBack: (why) => `元に戻せませんでした。${why}`,
    failed: {
      offline: "接続がありません。",
      timeout: "応答がありませんでした。実行されたかどうかわかりません。",
      busy: "応答を待っているものが多すぎます。",
    },
  },

  completion: {
    offered: (offers) => count(offers, { other: "候補 # 件" }),
    commands: {
      me: "自分のしていることを書く",
      nick: "名前を変更する",
      join: "ルームを開く",
      leave: "ルームから退室する",
      help: "書き方を見る",
    },
  },

  help: {
    title: "書き方",
    close: "閉じる",
    parts: [
      {
        name: "コマンド",
        rows: [
          ["/me 手を振る", "自分のしていることを書きます"],
          ["/nick Ada", "名前を変更します"],
          ["/join garden", "ルームを開きます"],
          ["/leave", "このルームから退室します。/leave garden で別のルームから"],
          ["/help", "この説明を表示します"],
          ["//help", "「/help」を文として送ります"],
        ],
      },
      {
        name: "装飾",
        rows: [
          ["**太字**", "太字"],
          ["*斜体* または _斜体_", "斜体"],
          ["~~取り消し~~", "取り消し線"],
          ["`code`", "行の中のコード"],
          ["```py\n…\n```", "コードのブロックとその言語"],
          ["> 言葉", "引用"],
          ["- 一つ または 1. 一つ", "リスト"],
          ["[言葉](https://…)", "言葉を付けたリンク"],
        ],
      },
      {
        name: "キー",
        rows: [
          ["Enter", "送信します。タッチ画面では改行します"],
          ["Shift+Enter", "改行します"],
          ["Ctrl+B, Ctrl+I", "選択した文字を太字、斜体にします。Mac では ⌘"],
          ["↑", "入力欄が空のとき、最後のメッセージを編集します"],
          ["Esc", "編集をやめます"],
          ["Ctrl+K", "別のルームへ移動します。Mac では ⌘K"],
        ],
      },
    ],
  },

  settings: {
    title: "表示と言語",
    theme: "配色",
    themes: { system: "システム", light: "ライト", dark: "ダーク" },
    density: "メッセージ",
    densities: { cosy: "ゆったり", compact: "コンパクト" },
    language: "言語",
    browser: "ブラウザと同じ",
    close: "閉じる",
  },

  switcher: {
    hint: "ルーム名の一部",
    current: "現在のルーム",
    begin: "新しいルーム",
    unread: (messages) => count(messages, { other: "未読 # 件" }),
    mentions: (messages) => count(messages, { other: "メンション # 件" }),
    found: (rooms) => count(rooms, { other: "# ルーム" }),
  },

  removal: {
    title: "このメッセージを削除しますか？",
    what: "本文は全員から見えなくなり、削除されたことだけが残ります。",
    keep: "残す",
    remove: "削除",
  },

  renaming: {
    title: "名前の変更",
    name: "新しい名前",
    save: "保存",
  },

  topic: {
    label: "トピック",
    hint: "このルームの話題は何ですか？",
    set: "トピックを設定",
  },

  queue: {
    summary: (waiting, failed, why) => {
      const fates = {
        unconnected: "接続を待っています",
        unstored: "保存できるのを待っています",
        slowed: "順番に送信されます",
      };
      const first = waiting > 0 ? `${count(waiting, { other: "メッセージ # 件が" })}${why ? fates[why] : "待っています"}。` : "";
      const second = failed > 0 ? count(failed, { other: "メッセージ # 件は送信できませんでした。" }) : "";
      return first + second;
    },
    states: { queued: "待機中", sending: "送信中…", paused: "保留中", failed: "未送信" },
    what: (frame) => {
      if (frame.type === "send") return frame.text;
      if (frame.type === "edit") return say`メッセージの変更：${frame.text}`;
      if (frame.type === "remove") return "メッセージの削除";
      if (frame.type === "topic") return say`トピック：${frame.text}`;
      return frame.on === false ? `リアクションの取り消し：${frame.emoji}` : `リアクション：${frame.emoji}`;
    },
    inRoom: (room, fate) => `#${room} · ${fate}`,
    text: "新しい本文",
    edit: "編集",
    sendNow: "今すぐ送信",
  },
};
