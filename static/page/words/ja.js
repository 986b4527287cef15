/**
 * 日本語。です・ます体で書く。
 * @module
 */

import { count, list, number, say } from "../words.js";

/** @import { FirstWords } from "../words.js" */

/** @param {string | null} room */
const entered = (room) => (room === null ? "このチャット" : `#${room} `);

/** @type {FirstWords} */
export const words = {
  shell: {
    app: "Parley",
    name: "お名前",
    room: "ルーム",
    enter: "ルームに入る",
    or: "または",
    signIn: "ログイン",
    signOut: "ログアウト",
    refuse: "自分ではありません",
    cancel: "キャンセル",
    rooms: "ルーム",
    closeRooms: "ルーム一覧を閉じる",
    joinAnother: "別のルームに入る",
    joinThis: "このルームに入る",
    moreRooms: "その他のルーム",
    rename: "名前を変更",
    settings: "表示と言語",
    openRooms: "ルーム一覧を開く",
    switch: "ルームへ移動",
    messages: "メッセージ",
    firstUnread: "最初の未読へ移動",
    editing: "メッセージを編集中",
    message: "メッセージ",
    send: "送信",
    emoji: "絵文字",
    suggestions: "候補",
    people: "参加者",
    peopleHere: "このルームの参加者",
    closePeople: "参加者一覧を閉じる",
    lately: "最近発言し、今は不在",
    notices: "お知らせ",
    about: "このルームについて：",
  },

  entrance: {
    guest: "名前を決めてお入りください。",
    stranger: "このチャットはアカウントをお持ちの方専用です。",
    elsewhere: "このチャットはアカウントをお持ちの方専用です。アカウントのあるサイトから開いてください。",
    account: (name) => say`${name}さんとしてログインしています。`,
    asked: (name) => say`リンクは${name}さんとして入るためのものですが、このブラウザは別の方が使っています。`,
    accept: (name) => say`${name}さんとして入る`,
    expired: "ログアウトしました。ログインの有効期限が切れています。",
    noName: "名前を入力してください。",
    nameTaken: "この名前は現在ほかの方が使っています。",
    unreachable: "サービスに接続できません。もう一度お試しください。",
    noRoom: "ルーム名を入力してください。",
    roomRule: "ルーム名に使えるのは a–z、0–9、-、_ だけで、先頭は文字か数字です。",
  },

  states: {
    connecting: "接続中…",
    open: "オンライン",
    restarting: "再起動中…",
    unreachable: "未接続",
    buffered: "未接続",
    offline: "オフライン",
    full: "待機中…",
    crowded: "待機中…",
    unavailable: "待機中…",
    rateLimited: "待機中…",
    nameTaken: "待機中…",
    removed: "強制退室",
    banned: "入室禁止",
    signedOut: "ログアウト中",
    expired: "ログアウト中",
    forbidden: "切断",
    ended: "切断",
  },

  standing: {
    connected: "接続しました。",
    connecting: "接続中…",
    restarting: "サービスを再起動しています。",
    unreachable: "サービスに接続できません。",
    buffered: "途中で何かがサービスの応答を止めています。",
    offline: "オフラインです。この端末はネットワークに接続していません。",
    full: "サービスが満員です。",
    crowded: "開いている接続が多すぎます。",
    unavailable: "現在、サービスは新しい接続を受け付けられません。",
    rateLimited: "この場所からの試行回数が多すぎます。",
    nameTaken: "あなたの名前は現在ほかの方が使っています。",
    removed: (room, why) => `${entered(room)}から退室させられました。${why}`,
    banned: (room, why) => `${entered(room)}への入室を禁止されています。${why}`,
    signedOut: "ログアウトしています。このチャットに入るにはアカウントが必要です。",
    expired: "ログアウトしました。ログインの有効期限が切れています。続けるには、もう一度ログインしてください。",
    forbidden: (why) => `ここには入れません。${why}`,
    tooManyErrors: (why) => `エラーまたはメッセージが多すぎたため、切断されました。${why}`,
    tooBig: "メッセージが大きすぎたため、接続が閉じられました。",
    ended: (why) => `接続が閉じられました。${why}`,
    readOnly: "現在は保存できません。読むことはできます。書いたものは送信を待ちます。",
    slowed: "このルームが受け付けるより速く書いています。書いたものは送信を待ちます。",
    roomForbidden: (room) => `#${room} には入れません。`,
    roomRefused: (room, why) => `#${room} に入れません。${why}`,
    again: (seconds) => (seconds === null ? "再試行しています…" : `${number(seconds)} 秒後に再試行します。`),
    back: (seconds) => (seconds === null ? "再接続しています…" : `${number(seconds)} 秒後に再接続します。`),
  },

  ways: {
    signIn: "ログイン",
    tryNow: "今すぐ試す",
    tryAgain: "もう一度試す",
    joinAgain: "もう一度入る",
    otherName: "別の名前を使う",
    leave: (room) => `#${room} から退室`,
  },

  about: {
    copyLink: "リンクをコピー",
    add: "トピックを設定",
    none: "トピックはまだありません。",
    set: (who, day, time) => say`トピック：${who}さん · ${day} ${time}`,
    begun: (who, day, time) => say`開始：${who}さん · ${day} ${time}`,
    copied: "このルームへのリンクをコピーしました。",
    notCopied: "リンクをコピーできませんでした。",
  },

  completeness: {
    when: (day, time) => `${day} ${time}`,
    unknown: "このルームのことはまだ何もわかりません。",
    behind: (when) => `${when} より後のことはまだわかりません。`,
    missing: (when) =>
      when === null ? "一部のメッセージが欠けています。" : `${when} より前のメッセージが一部欠けています。`,
    begun: "このルームが始まってから、欠けているメッセージはありません。",
    since: (when) => (when === null ? "欠けているメッセージはありません。" : `${when} から、欠けているメッセージはありません。`),
  },

  typing: {
    some: (people) => `${list(people)}さんが入力中…`,
    many: "複数の人が入力中…",
  },

  log: {
    loading: "以前のメッセージを読み込んでいます…",
    trimmed: "ここには欠けているメッセージがあります。このルームの保存期間より長く離れていました。",
    epoch: "以前のメッセージはありません。このルームの履歴は新しく始まりました。",
    empty: (room) => `#${room} ではまだ誰も発言していません`,
    sayHello: "あいさつしてみましょう。後から来た人にも見えます。",
    begins: (room) => `ここが #${room} の始まりです`,
    forgotten: "これより古いメッセージは保存されていません。",
    seen: (day, time) => `前回ここを見たときの状態：${day} ${time}`,
    new: "新着",
    latest: "最新",
    noSuch: "このリンクのメッセージはもう保存されていません。",
    unread: (messages) => count(messages, { other: "新着メッセージ # 件" }),
  },

  message: {
    you: "あなた",
    says: (name) => say`${name ?? "あなた"}：`,
    somebody: "誰か",
    gone: "削除されたメッセージ",
    edited: "編集済み",
    more: "もっと見る",
    less: "折りたたむ",
    saving: "保存中…",
    removing: "削除中…",
    reaction: (emoji, given, people) => `${emoji} ${number(given)} 件、${people}`,
    readBy: (people) => `ここまで読んだ人：${list(people)}`,
    waiting: "送信待ち",
    sending: "送信中…",
    failed: (why) => `送信できませんでした。${why}`,
    retry: "再送信",
    discard: "破棄",
  },

  code: {
    copy: "コピー",
    copied: "コピーしました",
    notCopied: "ブラウザがこのページでのコピーを許可していません。",
  },

  composer: {
    emoji: "絵文字を選ぶ",
    placeholder: (room) => `#${room} へのメッセージ`,
    left: (characters) => count(characters, { other: "残り # 文字" }),
    over: (characters) => count(characters, { other: "# 文字超過" }),
    full: "送信待ちのメッセージが多すぎます。",
  },

  commands: {
    unknown: (command) =>
      say`${`/${command}`} というコマンドはありません。文として送るには、先頭にスラッシュを 2 つ付けてください。`,
    notInEdit: (command) =>
      say`${`/${command}`} はメッセージには使えません。文として残すには、先頭にスラッシュを 2 つ付けてください。`,
    noAction: "していることを書いてください：/me 手を振る",
    noName: "使いたい名前を書いてください：/nick Ada",
    accountName: "名前はアカウントで決まっています。",
    nameRule: "名前は 1～32 文字です。",
    notIn: (room) => `#${room} には入っていません。`,
    lastRoom: "ほかのルームには入っていません。",
  },

  sidebar: {
    moderate: (name) => say`${name}さんへの対応`,
    menu: (room) => `#${room} のメニュー`,
    favourite: "お気に入り",
    muted: "ミュート",
    leave: (room) => `#${room} から退室`,
    unread: "件の未読",
    mentionYou: () => "件のメンション",
    inside: (people) => count(people, { other: "# 人" }),
    here: (people) => count(people, { other: "# 人が参加中" }),
    peopleHere: () => "人が参加中",
    large: "このように大きなルームでは人数だけを表示します。",
    asOf: (when) => `${when} 時点の状態です。その後の入退室はわかりません。`,
    you: "あなた",
    out: "入れません",
  },

  alerts: {
    group: "通知",
    all: "すべてのメッセージ",
    mentions: "自分へのメンション",
    none: "なし",
    sound: "音で知らせる（すべてのルーム）",
    denied: "ブラウザがこのページからの通知を許可していません。ブラウザのこのページの設定で変更できます。",
    title: (name, room) => (name === null ? `#${room}` : say`${name}さん（#${room}）`),
  },

  announcer: {
    message: (name, text) => say`${name}：${text}`,
    many: (messages, people) => {
      const shown = people.length > 3 ? [...people.slice(0, 3), "その他"] : people;
      return `${count(messages, { other: "新着メッセージ # 件" })}、${list(shown)}`;
    },
  },

  errors: {
    bad_request: "サービスが理解できませんでした。",
    unknown_type: "サービスが対応していません。",
    bad_room: "このルーム名は使えません。",
    not_joined: "このルームには入っていません。",
    forbidden: "その操作はできません。",
    too_large: "長すぎます。",
    too_many_rooms: "ルームが多すぎます。",
    rate_limited: "一度に多すぎます。",
    unavailable: "現在はできません。",
    "no such message": "そのメッセージはありません。",
    "the message is removed": "そのメッセージは削除されています。",
    "only its author may do that": "書いた本人だけができます。",
    "the message has too many reactions": "そのメッセージにはリアクションが多すぎます。",
    "the message has been changed too often": "そのメッセージは変更された回数が多すぎます。",
    "you are muted": "発言を禁止されています。",
    "you may not enter this room": "このルームには入れません。",
    "only moderators and who began the room may set its topic":
      "トピックを設定できるのは、モデレーターとルームを始めた人だけです。",
    "only moderators may do that": "モデレーターだけができます。",
    "nothing is known of where this guest comes from": "このゲストの接続元はわかりません。",
    "too many frames": "一度に多すぎました。",
    "It was being changed when its page went.": "変更している途中でページが閉じられました。",
  },

  notices: {
    close: "閉じる",
    notSent: (room) => `#${room} へのメッセージを 1 件送信できませんでした。`,
    messageGone: "メッセージは削除されました。書いた文はここに残ります。",
    messageRemoved: (name) => say`${name}さんのメッセージを削除しました。`,
    noEmoji: "現在、絵文字を読み込めません。接続が戻ってからもう一度お試しください。それまではキーボードの絵文字を入力できます。",
    notLoaded: "現在、ページのこの部分を読み込めません。",
    edit: "変更は受け付けられませんでした。",
    remove: "メッセージは削除されませんでした。",
    react: "リアクションは受け付けられませんでした。",
    topic: "トピックは設定されませんでした。",
    refused: (what, why) => what + why,
  },
};
