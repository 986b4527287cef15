/* emojibase-data 17.0.0, MIT licence, Copyright (c) 2017-2019 Miles Johnson; see README.md */
export const table = `#smileys-emotion
@12
😀	grinning face	grinning	cheerful cheery grin happy laugh nice
😃	grinning face with big eyes	smiley	awesome grin happy mouth open smile
😄	grinning face with smiling eyes	smile grinning_face_with_closed_eyes	eye grin happy laugh lol mouth
😁	beaming face with smiling eyes	grin beaming_face	eye grinning happy nice smile teeth
😆	grinning squinting face	laughing satisfied lol squinting_face	closed eyes haha hahaha happy laugh
😅	grinning face with sweat	sweat_smile	cold dejected excited mouth nervous open
🤣	rolling on the floor laughing	rofl	crying face funny haha happy hehe
😂	face with tears of joy	joy lmao tears_of_joy	crying feels funny haha happy hehe
🙂	slightly smiling face		happy smile
🙃	upside-down face		hehe smile
@14
🫠	melting face	melt	disappear dissolve embarrassed haha heat hot
@12
😉	winking face	wink	flirt heartbreaker sexy slide tease winks
😊	smiling face with smiling eyes	blush smiling_face_with_closed_eyes	eye glad satisfied smile
😇	smiling face with halo	innocent halo	angel angelic angels blessed fairy fairytale
🥰	smiling face with hearts	smiling_face_with_three_hearts smiling_face_with_3_hearts	adore crush heart ily love romance
😍	smiling face with heart-eyes	heart_eyes	143 bae eye feels hearts ily
🤩	star-struck	grinning_face_with_star_eyes	excited smile starry-eyed wow
😘	face blowing a kiss	kissing_heart blowing_a_kiss	adorbs bae flirt ily love lover
😗	kissing face	kissing	143 date dating flirt ily kiss
☺️	smiling face	relaxed	happy outlined smile
😚	kissing face with closed eyes	kissing_closed_eyes	143 bae blush date dating eye
😙	kissing face with smiling eyes	kissing_smiling_eyes	143 closed date dating eye flirt
@13
🥲	smiling face with tear		glad grateful happy joy pain proud
@12
😋	face savoring food	yum savoring_food	delicious eat full hungry savor smile
😛	face with tongue	stuck_out_tongue	awesome cool nice party stuck-out sweet
😜	winking face with tongue	stuck_out_tongue_winking_eye	crazy epic funny joke loopy nutty
🤪	zany face	grinning_face_with_one_large_and_one_small_eye zany	crazy eyes goofy
😝	squinting face with tongue	stuck_out_tongue_closed_eyes	eye gross horrible omg stuck-out taste
🤑	money-mouth face		money mouth paid
🤗	smiling face with open hands	hugs hugging_face hug hugging	
🤭	face with hand over mouth	hand_over_mouth smiling_face_with_smiling_eyes_and_hand_covering_mouth	giggle giggling oops realization secret shock
@14
🫢	face with open eyes and hand over mouth	face_with_open_eyes_hand_over_mouth gasp	amazement awe disbelief embarrass omg quiet
🫣	face with peeking eye	peek	captivated embarrass hide hiding peep scared
@12
🤫	shushing face	face_with_finger_covering_closed_lips shush	quiet shh
🤔	thinking face	thinking wtf	chin consider hmm ponder pondering wondering
@14
🫡	saluting face	salute	good luck ma’am ok respect sir
@12
🤐	zipper-mouth face	zipper_mouth	keep quiet secret shut zip
🤨	face with raised eyebrow	raised_eyebrow face_with_one_eyebrow_raised	disapproval disbelief distrust emoji hmm mild
😐	neutral face	neutral	awkward blank deadpan expressionless fine jealous
😑	expressionless face	expressionless	awkward dead fine inexpressive jealous meh
😶	face without mouth	no_mouth	awkward blank expressionless mouthless mute quiet
@14
🫥	dotted line face		depressed disappear hidden hide introvert invisible
@13.1
😶‍🌫️	face in clouds	in_clouds	absentminded fog head
@12
😏	smirking face	smirk smirking	boss dapper flirt homie kidding leer
😒	unamused face	unamused	... bored fine jealous jel jelly
🙄	face with rolling eyes	roll_eyes rolling_eyes	eyeroll shade ugh whatever
😬	grimacing face	grimacing	awk awkward dentist grimace grinning smile
@13.1
😮‍💨	face exhaling	exhale exhaling	blow blowing exhausted gasp groan relief
@12
🤥	lying face	lying	liar lie pinocchio
@15
🫨	shaking face	shaking	crazy daze earthquake omg panic shock
@15.1
🙂‍↔️	head shaking horizontally		no shake
🙂‍↕️	head shaking vertically		nod yes
@12
😌	relieved face	relieved	calm peace relief zen
😔	pensive face	pensive	awful bored dejected died disappointed losing
😪	sleepy face	sleepy	crying good night sad sleep sleeping
🤤	drooling face	drooling	
😴	sleeping face	sleeping	bed bedtime good goodnight nap night
@16
🫩	face with bags under eyes	face_with_eye_bags	bored exhausted fatigued late sleepy tired
@12
😷	face with medical mask	mask medical_mask	cold dentist dermatologist doctor dr germs
🤒	face with thermometer		ill sick
🤕	face with head-bandage		bandage hurt injury ouch
🤢	nauseated face	nauseated	gross nasty sick vomit
🤮	face vomiting	vomiting_face face_with_open_mouth_vomiting vomiting	barf ew gross puke sick spew
🤧	sneezing face	sneezing	fever flu gesundheit sick sneeze
🥵	hot face	hot	dying feverish heat panting red-faced stroke
🥶	cold face	cold	blue blue-faced freezing frostbite icicles subzero
🥴	woozy face	woozy	dizzy drunk eyes intoxicated mouth tipsy
😵	face with crossed-out eyes	dizzy_face knocked_out	dead feels sick tired
@13.1
😵‍💫	face with spiral eyes	dizzy_eyes	confused hypnotized omg smiley trouble whoa
@12
🤯	exploding head	shocked_face_with_exploding_head	blown explode mind mindblown no way
🤠	cowboy hat face	face_with_cowboy_hat cowboy cowboy_face	cowgirl
🥳	partying face	hooray partying	bday birthday celebrate celebration excited happy
@13
🥸	disguised face	disguised	disguise eyebrow glasses incognito moustache mustache
@12
😎	smiling face with sunglasses	sunglasses sunglasses_cool too_cool	awesome beach bright bro chilling rad
🤓	nerd face	nerd	brainy clever expert geek gifted glasses
🧐	face with monocle	monocle_face	classy fancy rich stuffy wealthy
😕	confused face	confused	befuddled confusing dunno frown hm meh
@14
🫤	face with diagonal mouth		confused confusion disappointed doubt doubtful frustrated
@12
😟	worried face	worried	anxious butterflies nerves nervous sad stress
🙁	slightly frowning face		frown sad
☹️	frowning face	white_frowning_face	frown sad
😮	face with open mouth	open_mouth	believe forgot omg shocked surprised sympathy
😯	hushed face	hushed	epic omg stunned surprised whoa woah
😲	astonished face	astonished	cost no omg shocked totally way
😳	flushed face	flushed	amazed awkward crazy dazed dead disbelief
@17
🫪	distorted face		anxiety bloated panic shocked surprised vulnerable
@12
🥺	pleading face	pleading	begging big eyes mercy not please
@14
🥹	face holding back tears	watery_eyes	admiration aww cry embarrassed feelings grateful
@12
😦	frowning face with open mouth	frowning frowning_face	caught frown guard scared scary surprise
😧	anguished face	anguished	forgot scared scary stressed surprise unhappy
😨	fearful face	fearful	afraid anxious blame fear scared worried
😰	anxious face with sweat	cold_sweat anxious anxious_face	blue eek mouth nervous open rushed
😥	sad but relieved face	disappointed_relieved sad_relieved_face	anxious call close complicated not sweat
😢	crying face	cry	awful feels miss sad tear triste
😭	loudly crying face	sob	bawling cry sad tear tears unhappy
😱	face screaming in fear	scream screaming_in_fear	epic fearful munch scared screamer shocked
😖	confounded face	confounded	annoyed confused cringe distraught feels frustrated
😣	persevering face	persevere	concentrate concentration focus headache
😞	disappointed face	disappointed	awful blame dejected fail losing sad
😓	downcast face with sweat	sweat downcast_face	close cold feels headache nervous sad
😩	weary face	weary	crying fail feels hungry mad nooo
😫	tired face	tired	cost feels nap sad sneeze
🥱	yawning face	yawn yawning	bedtime bored goodnight nap night sleep
😤	face with steam from nose	triumph nose_steam	anger angry feels fume fuming furious
😡	enraged face	pout rage pouting_face	anger angry feels mad maddening red
😠	angry face	angry	anger blame feels frustrated mad maddening
🤬	face with symbols on mouth	cursing_face serious_face_with_symbols_covering_mouth censored	censor cussing mad pissed swearing
😈	smiling face with horns	smiling_imp	demon devil evil fairy fairytale fantasy
👿	angry face with horns	imp angry_imp	demon devil evil fairy fairytale fantasy
💀	skull		body dead death face fairy fairytale
☠️	skull and crossbones		bone dead death face monster
💩	pile of poo	hankey poop shit	bs comic doo dung face fml
🤡	clown face	clown	
👹	ogre	japanese_ogre	creature devil face fairy fairytale fantasy
👺	goblin	japanese_goblin	angry creature face fairy fairytale fantasy
👻	ghost		boo creature excited face fairy fairytale
👽	alien		creature extraterrestrial face fairy fairytale fantasy
👾	alien monster	space_invader	creature extraterrestrial face fairy fairytale fantasy
🤖	robot	robot_face	monster
😺	grinning cat	smiley_cat	animal face mouth open smile smiling
😸	grinning cat with smiling eyes	smile_cat grinning_cat_with_closed_eyes	animal eye face grin
😹	cat with tears of joy	joy_cat tears_of_joy_cat	animal face laugh laughing lol tear
😻	smiling cat with heart-eyes	heart_eyes_cat	animal eye face love smile
😼	cat with wry smile	smirk_cat wry_smile_cat	animal face ironic
😽	kissing cat		animal closed eye eyes face kiss
🙀	weary cat	scream_cat	animal face oh surprised
😿	crying cat	crying_cat_face	animal cry sad tear
😾	pouting cat		animal face
🙈	see-no-evil monkey	see_no_evil	embarrassed face forbidden forgot gesture hide
🙉	hear-no-evil monkey	hear_no_evil	animal ears face forbidden gesture listen
🙊	speak-no-evil monkey	speak_no_evil	animal face forbidden gesture not oops
💌	love letter		heart mail romance valentine
💘	heart with arrow	cupid	143 adorbs date emotion ily love
💝	heart with ribbon	gift_heart	143 anniversary emotion ily kisses valentine
💖	sparkling heart		143 emotion excited good ily kisses
💗	growing heart	heartpulse	143 emotion excited ily kisses muah
💓	beating heart	heartbeat	143 cardio emotion ily love pulsating
💞	revolving hearts		143 adorbs anniversary emotion heart
💕	two hearts		143 anniversary date dating emotion heart
💟	heart decoration		143 emotion hearth purple white
❣️	heart exclamation	heavy_heart_exclamation heavy_heart_exclamation_mark_ornament	punctuation
💔	broken heart		break crushed emotion heartbroken lonely sad
@13.1
❤️‍🔥	heart on fire		burn love lust sacred
❤️‍🩹	mending heart		healthier improving recovering recuperating well
@12
❤️	red heart	heart	emotion love
@15
🩷	pink heart		143 adorable cute emotion ily like
@12
🧡	orange heart		143
💛	yellow heart		143 cardiac emotion ily love
💚	green heart		143 emotion ily love romantic
💙	blue heart		143 emotion ily love romance
@15
🩵	light blue heart		143 cute cyan emotion ily like
@12
💜	purple heart		143 bestest emotion ily love
🤎	brown heart		143
🖤	black heart		evil wicked
@15
🩶	grey heart	gray_heart	143 emotion ily love silver slate
@12
🤍	white heart		143
💋	kiss mark	kiss	dating emotion heart kissing lips romance
💯	hundred points	100	a+ agree clearly definitely faithful fleek
💢	anger symbol	anger	angry comic mad upset
@17
🫯	fight cloud		argument brawl debate disagreement ruckus wrestle
@12
💥	collision	boom	bomb collide comic explode
💫	dizzy		comic shining shooting star stars
💦	sweat droplets	sweat_drops	comic drip droplet splashing squirt water
💨	dashing away	dash	cloud comic fart fast go gone
🕳️	hole		
💬	speech balloon		bubble comic dialog message sms talk
👁️‍🗨️	eye in speech bubble	eye_speech_bubble	balloon witness
🗨️	left speech bubble		balloon dialog
🗯️	right anger bubble		angry balloon mad
💭	thought balloon		bubble cartoon cloud comic daydream decisions
💤	ZZZ		comic good goodnight night sleep sleeping
#people-body
~👋	waving hand	wave	bye cya g2g greetings gtg hello
~🤚	raised back of hand		backhand
~🖐️	hand with fingers splayed	raised_hand_with_fingers_splayed	finger stop
~✋	raised hand	hand high_five	5 stop
~🖖	vulcan salute	spock_hand vulcan	finger hands
@14
~🫱	rightwards hand		handshake hold reach right rightward shake
~🫲	leftwards hand		handshake hold left leftward reach shake
~🫳	palm down hand	palm_down	dismiss drop dropped pick shoo up
~🫴	palm up hand	palm_up	beckon catch come hold know lift
@15
~🫷	leftwards pushing hand		block five halt high hold leftward
~🫸	rightwards pushing hand		block five halt high hold pause
@12
~👌	OK hand		awesome bet dope fleek fosho got
@13
~🤌	pinched fingers	pinch	gesture hand hold huh interrogation patience
@12
~🤏	pinching hand		amount bit fingers little small sort
~✌️	victory hand	v victory	peace
~🤞	crossed fingers	hand_with_index_and_middle_fingers_crossed fingers_crossed	cross finger luck
@14
~🫰	hand with index finger and thumb crossed		<3 expensive heart love money snap
@12
~🤟	love-you gesture	i_love_you_hand_sign	fingers ily three
~🤘	sign of the horns	metal the_horns	finger hand rock-on
~🤙	call me hand		hang loose shaka
~👈	backhand index pointing left	point_left	finger hand
~👉	backhand index pointing right	point_right	finger hand
~👆	backhand index pointing up	point_up_2 point_up	finger hand
~🖕	middle finger	fu reversed_hand_with_middle_finger_extended	
~👇	backhand index pointing down	point_down	finger hand
~☝️	index pointing up	point_up point_up_2	finger hand this
@14
~🫵	index pointing at the viewer	point_forward	finger hand poke you
@12
~👍	thumbs up	+1 thumbsup yes	good hand like thumb
~👎	thumbs down	_1 thumbsdown no	-1 bad dislike good hand nope
~✊	raised fist	fist fist_raised	clenched hand punch solidarity
~👊	oncoming fist	facepunch fist_oncoming punch	absolutely agree boom bro bruh bump
~🤛	left-facing fist	fist_left	leftwards
~🤜	right-facing fist	fist_right	rightwards
~👏	clapping hands	clap	applause approval awesome congrats congratulations excited
~🙌	raising hands	raised_hands	celebration gesture hand hooray praise
@14
~🫶	heart hands		<3 love you
@12
~👐	open hands		hand hug jazz swerve
~🤲	palms up together		cupped dua hands pray prayer wish
~🤝	handshake		agreement deal hand meeting shake
~🙏	folded hands	pray	appreciate ask beg blessed bow cmon
~✍️	writing hand		write
~💅	nail polish	nail_care	bored cosmetics done makeup manicure whatever
~🤳	selfie		camera phone
~💪	flexed biceps	muscle right_bicep	arm beast bench bodybuilder bro curls
🦾	mechanical arm		accessibility prosthetic
🦿	mechanical leg		accessibility prosthetic
~🦵	leg		bent foot kick knee limb
~🦶	foot		ankle feet kick stomp
~👂	ear		body ears hear hearing listen listening
~🦻	ear with hearing aid	hearing_aid	accessibility hard
~👃	nose		body noses nosey odor smell smells
🧠	brain		intelligent smart
@13
🫀	anatomical heart		beat cardiology heartbeat organ pulse real
🫁	lungs		breath breathe exhalation inhalation lung organ
@12
🦷	tooth		dentist pearly teeth white
🦴	bone		bones dog skeleton wishbone
👀	eyes		body eye face googly look looking
👁️	eye		1 body one
👅	tongue		body lick slurp
👄	mouth	lips	beauty body kiss kissing lipstick
@14
🫦	biting lip		anxious bite fear flirt flirting kiss
@12
~👶	baby		babies children goo infant newborn pregnant
~🧒	child		bright-eyed grandchild kid young younger
~👦	boy		bright-eyed child grandson kid son young
~👧	girl		bright-eyed child daughter granddaughter kid virgo
~🧑	person	adult	
~👱	person: blond hair	blond_haired_person person_with_blond_hair blond_haired	blond-haired human
~👨	man		adult bro
~🧔	person: beard	bearded_person person_bearded	whiskers
@13.1
~🧔‍♂️	man: beard	man_with_beard man_bearded	whiskers
~🧔‍♀️	woman: beard	woman_with_beard woman_bearded	whiskers
@12
~👨‍🦰	man: red hair	red_haired_man man_red_haired	adult bro red hair
~👨‍🦱	man: curly hair	curly_haired_man man_curly_haired	adult bro curly hair
~👨‍🦳	man: white hair	white_haired_man man_white_haired	adult bro white hair
~👨‍🦲	man: bald	bald_man	adult bro
~👩	woman		adult lady
~👩‍🦰	woman: red hair	red_haired_woman woman_red_haired	adult lady red hair
@12.1
~🧑‍🦰	person: red hair	red_haired_person red_haired	adult red hair
@12
~👩‍🦱	woman: curly hair	curly_haired_woman woman_curly_haired	adult curly hair lady
@12.1
~🧑‍🦱	person: curly hair	curly_haired_person curly_haired	adult curly hair
@12
~👩‍🦳	woman: white hair	white_haired_woman woman_white_haired	adult lady white hair
@12.1
~🧑‍🦳	person: white hair	white_haired_person white_haired	adult white hair
@12
~👩‍🦲	woman: bald	bald_woman	adult lady
@12.1
~🧑‍🦲	person: bald	bald_person bald	adult
@12
~👱‍♀️	woman: blond hair	blond_haired_woman blonde_woman woman_blond_haired	blond-haired
~👱‍♂️	man: blond hair	blond_haired_man man_blond_haired	blond-haired
~🧓	older person	older_adult	elderly grandparent old wise
~👴	old man	older_man	adult bald elderly gramps grandfather grandpa
~👵	old woman	older_woman	adult elderly grandma grandmother granny lady
~🙍	person frowning	frowning_person	annoyed disappointed disgruntled disturbed frown frustrated
~🙍‍♂️	man frowning	frowning_man	annoyed disappointed disgruntled disturbed frown frustrated
~🙍‍♀️	woman frowning	frowning_woman	annoyed disappointed disgruntled disturbed frown frustrated
~🙎	person pouting	pouting_face person_with_pouting_face pouting	disappointed downtrodden frown grimace scowl sulk
~🙎‍♂️	man pouting	pouting_man	disappointed downtrodden frown grimace scowl sulk
~🙎‍♀️	woman pouting	pouting_woman	disappointed downtrodden frown grimace scowl sulk
~🙅	person gesturing NO	no_good	forbidden gesture hand not prohibit
~🙅‍♂️	man gesturing NO	ng_man no_good_man	forbidden gesture hand not prohibit
~🙅‍♀️	woman gesturing NO	ng_woman no_good_woman	forbidden gesture hand not prohibit
~🙆	person gesturing OK	ok_person ok_woman all_good	exercise gesture hand omg
~🙆‍♂️	man gesturing OK	ok_man	exercise gesture hand omg
~🙆‍♀️	woman gesturing OK	ok_woman	exercise gesture hand omg
~💁	person tipping hand	information_desk_person tipping_hand_person	fetch flick flip gossip sarcasm sarcastic
~💁‍♂️	man tipping hand	sassy_man tipping_hand_man	fetch flick flip gossip sarcasm sarcastic
~💁‍♀️	woman tipping hand	sassy_woman tipping_hand_woman	fetch flick flip gossip sarcasm sarcastic
~🙋	person raising hand	raising_hand	gesture here know me pick question
~🙋‍♂️	man raising hand	raising_hand_man	gesture here know me pick question
~🙋‍♀️	woman raising hand	raising_hand_woman	gesture here know me pick question
~🧏	deaf person		accessibility ear gesture hear
~🧏‍♂️	deaf man		accessibility ear gesture hear
~🧏‍♀️	deaf woman		accessibility ear gesture hear
~🙇	person bowing	bow	apology ask beg favor forgive gesture
~🙇‍♂️	man bowing	bowing_man	apology ask beg bow favor forgive
~🙇‍♀️	woman bowing	bowing_woman	apology ask beg bow favor forgive
~🤦	person facepalming	facepalm face_palm	again bewilder disbelief exasperation no not
~🤦‍♂️	man facepalming		again bewilder disbelief exasperation facepalm no
~🤦‍♀️	woman facepalming		again bewilder disbelief exasperation facepalm no
~🤷	person shrugging	shrug	doubt dunno guess idk ignorance indifference
~🤷‍♂️	man shrugging		doubt dunno guess idk ignorance indifference
~🤷‍♀️	woman shrugging		doubt dunno guess idk ignorance indifference
@12.1
~🧑‍⚕️	health worker		doctor healthcare nurse therapist
@12
~👨‍⚕️	man health worker	male_doctor	healthcare nurse therapist
~👩‍⚕️	woman health worker	female_doctor	healthcare nurse therapist
@12.1
~🧑‍🎓	student		graduate
@12
~👨‍🎓	man student	male_student	graduate
~👩‍🎓	woman student	female_student	graduate
@12.1
~🧑‍🏫	teacher		instructor lecturer professor
@12
~👨‍🏫	man teacher	male_teacher	instructor lecturer professor
~👩‍🏫	woman teacher	female_teacher	instructor lecturer professor
@12.1
~🧑‍⚖️	judge		justice law scales
@12
~👨‍⚖️	man judge	male_judge	justice law scales
~👩‍⚖️	woman judge	female_judge	justice law scales
@12.1
~🧑‍🌾	farmer		gardener rancher
@12
~👨‍🌾	man farmer	male_farmer	gardener rancher
~👩‍🌾	woman farmer	female_farmer	gardener rancher
@12.1
~🧑‍🍳	cook		chef
@12
~👨‍🍳	man cook	male_cook	chef
~👩‍🍳	woman cook	female_cook	chef
@12.1
~🧑‍🔧	mechanic		electrician plumber tradesperson
@12
~👨‍🔧	man mechanic	male_mechanic	electrician plumber tradesperson
~👩‍🔧	woman mechanic	female_mechanic	electrician plumber tradesperson
@12.1
~🧑‍🏭	factory worker		assembly industrial
@12
~👨‍🏭	man factory worker	male_factory_worker	assembly industrial
~👩‍🏭	woman factory worker	female_factory_worker	assembly industrial
@12.1
~🧑‍💼	office worker		architect business manager white-collar
@12
~👨‍💼	man office worker	male_office_worker	architect business manager white-collar
~👩‍💼	woman office worker	female_office_worker	architect business manager white-collar
@12.1
~🧑‍🔬	scientist		biologist chemist engineer mathematician physicist
@12
~👨‍🔬	man scientist	male_scientist	biologist chemist engineer mathematician physicist
~👩‍🔬	woman scientist	female_scientist	biologist chemist engineer mathematician physicist
@12.1
~🧑‍💻	technologist		coder computer developer inventor software
@12
~👨‍💻	man technologist	male_technologist	coder computer developer inventor software
~👩‍💻	woman technologist	female_technologist	coder computer developer inventor software
@12.1
~🧑‍🎤	singer		actor entertainer rock rockstar star
@12
~👨‍🎤	man singer	male_singer	actor entertainer rock rockstar star
~👩‍🎤	woman singer	female_singer	actor entertainer rock rockstar star
@12.1
~🧑‍🎨	artist		palette
@12
~👨‍🎨	man artist	male_artist	palette
~👩‍🎨	woman artist	female_artist	palette
@12.1
~🧑‍✈️	pilot		plane
@12
~👨‍✈️	man pilot	male_pilot	plane
~👩‍✈️	woman pilot	female_pilot	plane
@12.1
~🧑‍🚀	astronaut		rocket space
@12
~👨‍🚀	man astronaut	male_astronaut	rocket space
~👩‍🚀	woman astronaut	female_astronaut	rocket space
@12.1
~🧑‍🚒	firefighter		fire firetruck
@12
~👨‍🚒	man firefighter	male_firefighter	fire firetruck
~👩‍🚒	woman firefighter	female_firefighter	fire firetruck
~👮	police officer	cop	apprehend arrest citation law over pulled
~👮‍♂️	man police officer	policeman male_police_officer	apprehend arrest citation cop law over
~👮‍♀️	woman police officer	policewoman female_police_officer	apprehend arrest citation cop law over
~🕵️	detective	sleuth_or_spy	
~🕵️‍♂️	man detective	male_detective	sleuth spy
~🕵️‍♀️	woman detective	female_detective	sleuth spy
~💂	guard	guardsman	buckingham helmet london palace
~💂‍♂️	man guard	guardsman male_guard	buckingham helmet london palace
~💂‍♀️	woman guard	guardswoman female_guard	buckingham helmet london palace
@13
~🥷	ninja		assassin fight fighter hidden person secret
@12
~👷	construction worker		build fix hardhat hat man person
~👷‍♂️	man construction worker	construction_worker_man male_construction_worker	build fix hardhat hat rebuild remodel
~👷‍♀️	woman construction worker	construction_worker_woman female_construction_worker	build fix hardhat hat man rebuild
@14
~🫅	person with crown	royalty	monarch noble regal royal
@12
~🤴	prince		crown fairy fairytale fantasy king royal
~👸	princess		crown fairy fairytale fantasy queen royal
~👳	person wearing turban	person_with_turban man_with_turban	
~👳‍♂️	man wearing turban	man_with_turban	
~👳‍♀️	woman wearing turban	woman_with_turban	
~👲	person with skullcap	man_with_gua_pi_mao	cap chinese guapi hat
~🧕	woman with headscarf	person_with_headscarf	bandana head hijab kerchief mantilla tichel
~🤵	person in tuxedo		formal wedding
@13
~🤵‍♂️	man in tuxedo		formal groom wedding
~🤵‍♀️	woman in tuxedo		formal wedding
@12
~👰	person with veil	bride_with_veil	wedding
@13
~👰‍♂️	man with veil		wedding
~👰‍♀️	woman with veil	bride_with_veil	wedding
@12
~🤰	pregnant woman		
@14
~🫃	pregnant man		belly bloated full overeat
~🫄	pregnant person		belly bloated full overeat stuffed
@12
~🤱	breast-feeding		baby breast feeding mom mother nursing
@13
~👩‍🍼	woman feeding baby		feed mom mother nanny newborn nursing
~👨‍🍼	man feeding baby		dad father feed nanny newborn nursing
~🧑‍🍼	person feeding baby		feed nanny newborn nursing parent
@12
~👼	baby angel	angel	church face fairy fairytale fantasy tale
~🎅	Santa Claus	santa	celebration christmas claus fairy fantasy father
~🤶	Mrs. Claus	mother_christmas	celebration claus fairy fantasy holiday merry
@13
~🧑‍🎄	Mx Claus		celebration christmas claus fairy fantasy holiday
@12
~🦸	superhero		good hero superpower
~🦸‍♂️	man superhero	superhero_man male_superhero	good hero superpower
~🦸‍♀️	woman superhero	superhero_woman female_superhero	good hero heroine superpower
~🦹	supervillain		bad criminal evil superpower villain
~🦹‍♂️	man supervillain	supervillain_man male_supervillain	bad criminal evil superpower villain
~🦹‍♀️	woman supervillain	supervillain_woman female_supervillain	bad criminal evil superpower villain
~🧙	mage		fantasy magic play sorcerer sorceress sorcery
~🧙‍♂️	man mage	mage_man male_mage	fantasy magic play sorcerer sorceress sorcery
~🧙‍♀️	woman mage	mage_woman female_mage	fantasy magic play sorcerer sorceress sorcery
~🧚	fairy		fairytale fantasy myth person pixie tale
~🧚‍♂️	man fairy	fairy_man male_fairy	fairytale fantasy myth oberon person pixie
~🧚‍♀️	woman fairy	fairy_woman female_fairy	fairytale fantasy myth person pixie tale
~🧛	vampire		blood dracula fangs halloween scary supernatural
~🧛‍♂️	man vampire	vampire_man male_vampire	blood fangs halloween scary supernatural teeth
~🧛‍♀️	woman vampire	vampire_woman female_vampire	blood fangs halloween scary supernatural teeth
~🧜	merperson		creature fairytale folklore ocean sea siren
~🧜‍♂️	merman		creature fairytale folklore neptune ocean poseidon
~🧜‍♀️	mermaid		creature fairytale folklore merwoman ocean sea
~🧝	elf		elves enchantment fantasy folklore magic magical
~🧝‍♂️	man elf	elf_man male_elf	elves enchantment fantasy folklore magic magical
~🧝‍♀️	woman elf	elf_woman female_elf	elves enchantment fantasy folklore magic magical
🧞	genie		djinn fantasy jinn lamp myth rub
🧞‍♂️	man genie	genie_man male_genie	djinn fantasy jinn lamp myth rub
🧞‍♀️	woman genie	genie_woman female_genie	djinn fantasy jinn lamp myth rub
🧟	zombie		apocalypse dead halloween horror scary undead
🧟‍♂️	man zombie	zombie_man male_zombie	apocalypse dead halloween horror scary undead
🧟‍♀️	woman zombie	zombie_woman female_zombie	apocalypse dead halloween horror scary undead
@14
🧌	troll		fairy fantasy monster tale trolling
@17
🫈	hairy creature		bigfoot cryptid forest giant sasquatch woodwose
@12
~💆	person getting massage	massage	face headache relax relaxing salon soothe
~💆‍♂️	man getting massage	massage_man	face headache relax relaxing salon soothe
~💆‍♀️	woman getting massage	massage_woman	face headache relax relaxing salon soothe
~💇	person getting haircut	haircut	barber beauty chop cosmetology cut groom
~💇‍♂️	man getting haircut	haircut_man	barber beauty chop cosmetology cut groom
~💇‍♀️	woman getting haircut	haircut_woman	barber beauty chop cosmetology cut groom
~🚶	person walking	walking	amble gait hike man pace pedestrian
~🚶‍♂️	man walking	walking_man	amble gait hike pace pedestrian stride
~🚶‍♀️	woman walking	walking_woman	amble gait hike man pace pedestrian
@15.1
~🚶‍➡️	person walking: facing right	person_walking_right	amble gait hike man pace pedestrian
~🚶‍♀️‍➡️	woman walking: facing right	woman_walking_right	amble gait hike man pace pedestrian
~🚶‍♂️‍➡️	man walking: facing right	man_walking_right	amble gait hike pace pedestrian stride
@12
~🧍	person standing	standing_person standing	stand
~🧍‍♂️	man standing	standing_man	stand
~🧍‍♀️	woman standing	standing_woman	stand
~🧎	person kneeling	kneeling_person kneeling	kneel knees
~🧎‍♂️	man kneeling	kneeling_man	kneel knees
~🧎‍♀️	woman kneeling	kneeling_woman	kneel knees
@15.1
~🧎‍➡️	person kneeling: facing right	person_kneeling_right	kneel knees
~🧎‍♀️‍➡️	woman kneeling: facing right	woman_kneeling_right	kneel knees
~🧎‍♂️‍➡️	man kneeling: facing right	man_kneeling_right	kneel knees
@12.1
~🧑‍🦯	person with white cane	person_with_probing_cane	accessibility blind
@15.1
~🧑‍🦯‍➡️	person with white cane: facing right	person_with_white_cane_right	accessibility blind probing
@12
~👨‍🦯	man with white cane	man_with_probing_cane	accessibility blind
@15.1
~👨‍🦯‍➡️	man with white cane: facing right	man_with_white_cane_right	accessibility blind probing
@12
~👩‍🦯	woman with white cane	woman_with_probing_cane	accessibility blind
@15.1
~👩‍🦯‍➡️	woman with white cane: facing right	woman_with_white_cane_right	accessibility blind probing
@12.1
~🧑‍🦼	person in motorized wheelchair		accessibility
@15.1
~🧑‍🦼‍➡️	person in motorized wheelchair: facing right	person_in_motorized_wheelchair_right	accessibility
@12
~👨‍🦼	man in motorized wheelchair		accessibility
@15.1
~👨‍🦼‍➡️	man in motorized wheelchair: facing right	man_in_motorized_wheelchair_right	accessibility
@12
~👩‍🦼	woman in motorized wheelchair		accessibility
@15.1
~👩‍🦼‍➡️	woman in motorized wheelchair: facing right	woman_in_motorized_wheelchair_right	accessibility
@12.1
~🧑‍🦽	person in manual wheelchair		accessibility
@15.1
~🧑‍🦽‍➡️	person in manual wheelchair: facing right	person_in_manual_wheelchair_right	accessibility
@12
~👨‍🦽	man in manual wheelchair		accessibility
@15.1
~👨‍🦽‍➡️	man in manual wheelchair: facing right	man_in_manual_wheelchair_right	accessibility
@12
~👩‍🦽	woman in manual wheelchair		accessibility
@15.1
~👩‍🦽‍➡️	woman in manual wheelchair: facing right	woman_in_manual_wheelchair_right	accessibility
@12
~🏃	person running	runner running	fast hurry marathon move quick race
~🏃‍♂️	man running	running_man	fast hurry marathon move quick race
~🏃‍♀️	woman running	running_woman	fast hurry marathon move quick race
@15.1
~🏃‍➡️	person running: facing right	person_running_right	fast hurry marathon move quick race
~🏃‍♀️‍➡️	woman running: facing right	woman_running_right	fast hurry marathon move quick race
~🏃‍♂️‍➡️	man running: facing right	man_running_right	fast hurry marathon move quick race
@17
~🧑‍🩰	ballet dancer		
@12
~💃	woman dancing	dancer	dance elegant festive flair flamenco groove
~🕺	man dancing		dance dancer elegant festive flair flamenco
~🕴️	person in suit levitating	business_suit_levitating man_in_business_suit_levitating levitate levitating	
~👯	people with bunny ears	dancers people_with_bunny_ears_partying	bestie bff counterpart dancer double ear
~👯‍♂️	men with bunny ears	dancing_men men_with_bunny_ears_partying man_with_bunny_ears_partying	bestie bff counterpart dancer double ear
~👯‍♀️	women with bunny ears	dancing_women women_with_bunny_ears_partying woman_with_bunny_ears_partying	bestie bff counterpart dancer double ear
~🧖	person in steamy room	sauna_person	day luxurious pamper relax spa steam
~🧖‍♂️	man in steamy room	sauna_man	day luxurious pamper relax spa steam
~🧖‍♀️	woman in steamy room	sauna_woman	day luxurious pamper relax spa steam
~🧗	person climbing	climbing	climb climber mountain rock scale up
~🧗‍♂️	man climbing	climbing_man	climb climber mountain rock scale up
~🧗‍♀️	woman climbing	climbing_woman	climb climber mountain rock scale up
🤺	person fencing	fencer fencing	sword
~🏇	horse racing		jockey racehorse riding sport
⛷️	skier	person_skiing skiing	ski snow
~🏂	snowboarder	person_snowboarding snowboarding	ski snow snowboard sport
~🏌️	person golfing	golfing golfer	ball birdie caddy driving golf green
~🏌️‍♂️	man golfing	golfing_man	ball birdie caddy driving golf green
~🏌️‍♀️	woman golfing	golfing_woman	ball birdie caddy driving golf green
~🏄	person surfing	surfer surfing	beach ocean sport surf swell waves
~🏄‍♂️	man surfing	surfing_man	beach ocean sport surf surfer swell
~🏄‍♀️	woman surfing	surfing_woman	beach ocean person sport surf surfer
~🚣	person rowing boat	rowboat	canoe cruise fishing lake oar paddle
~🚣‍♂️	man rowing boat	rowing_man	canoe cruise fishing lake oar paddle
~🚣‍♀️	woman rowing boat	rowing_woman	canoe cruise fishing lake oar paddle
~🏊	person swimming	swimmer swimming	freestyle sport swim triathlon
~🏊‍♂️	man swimming	swimming_man	freestyle sport swim swimmer triathlon
~🏊‍♀️	woman swimming	swimming_woman	freestyle man sport swim swimmer triathlon
~⛹️	person bouncing ball	bouncing_ball_person person_with_ball	athletic basketball championship dribble net player
~⛹️‍♂️	man bouncing ball	basketball_man bouncing_ball_man	athletic championship dribble net player throw
~⛹️‍♀️	woman bouncing ball	basketball_woman bouncing_ball_woman	athletic championship dribble net player throw
~🏋️	person lifting weights	weight_lifting weight_lifter	barbell bodybuilder deadlift powerlifting weightlifter workout
~🏋️‍♂️	man lifting weights	weight_lifting_man	barbell bodybuilder deadlift lifter powerlifting weightlifter
~🏋️‍♀️	woman lifting weights	weight_lifting_woman	barbell bodybuilder deadlift lifter powerlifting weightlifter
~🚴	person biking	bicyclist biking	bicycle bike cycle cyclist riding sport
~🚴‍♂️	man biking	biking_man	bicycle bicyclist bike cycle cyclist riding
~🚴‍♀️	woman biking	biking_woman	bicycle bicyclist bike cycle cyclist riding
~🚵	person mountain biking	mountain_bicyclist mountain_biking	bicycle bike cycle cyclist riding sport
~🚵‍♂️	man mountain biking	mountain_biking_man	bicycle bicyclist bike cycle cyclist riding
~🚵‍♀️	woman mountain biking	mountain_biking_woman	bicycle bicyclist bike cycle cyclist riding
~🤸	person cartwheeling	cartwheeling person_doing_cartwheel person_cartwheel	active excited flip gymnastics happy somersault
~🤸‍♂️	man cartwheeling		active cartwheel excited flip gymnastics happy
~🤸‍♀️	woman cartwheeling		active cartwheel excited flip gymnastics happy
~🤼	people wrestling	wrestling wrestlers	combat duel grapple ring tournament wrestle
~🤼‍♂️	men wrestling	man_wrestling	combat duel grapple ring tournament wrestle
~🤼‍♀️	women wrestling	woman_wrestling	combat duel grapple ring tournament wrestle
~🤽	person playing water polo	water_polo	sport swimming waterpolo
~🤽‍♂️	man playing water polo		sport swimming waterpolo
~🤽‍♀️	woman playing water polo		sport swimming waterpolo
~🤾	person playing handball	handball_person handball	athletics ball catch chuck hurl lob
~🤾‍♂️	man playing handball		athletics ball catch chuck hurl lob
~🤾‍♀️	woman playing handball		athletics ball catch chuck hurl lob
~🤹	person juggling	juggling_person juggling juggler	act balance balancing handle juggle manage
~🤹‍♂️	man juggling		act balance balancing handle juggle manage
~🤹‍♀️	woman juggling		act balance balancing handle juggle manage
~🧘	person in lotus position	lotus_position	cross legged legs meditation peace relax
~🧘‍♂️	man in lotus position	lotus_position_man	cross legged legs meditation peace relax
~🧘‍♀️	woman in lotus position	lotus_position_woman	cross legged legs meditation peace relax
~🛀	person taking bath	bath	bathtub tub
~🛌	person in bed	sleeping_bed sleeping_accommodation	bedtime good goodnight hotel nap night
~🧑‍🤝‍🧑	people holding hands		bae bestie bff couple dating flirt
~👭	women holding hands	two_women_holding_hands	bae bestie bff couple dating flirt
~👫	woman and man holding hands	couple man_and_woman_holding_hands	bae bestie bff dating flirt friends
~👬	men holding hands	two_men_holding_hands	bae bestie bff boys brothers couple
~💏	kiss	couplekiss couple_kiss	anniversary babe bae date dating heart
~👩‍❤️‍💋‍👨	kiss: woman, man	couplekiss_man_woman woman_kiss_man kiss_mw kiss_wm	anniversary babe bae couple date dating
~👨‍❤️‍💋‍👨	kiss: man, man	couplekiss_man_man man_kiss_man kiss_mm	anniversary babe bae couple date dating
~👩‍❤️‍💋‍👩	kiss: woman, woman	couplekiss_woman_woman woman_kiss_woman kiss_ww	anniversary babe bae couple date dating
~💑	couple with heart		anniversary babe bae dating kiss love
~👩‍❤️‍👨	couple with heart: woman, man	woman_heart_man couple_with_heart_mw couple_with_heart_wm	anniversary babe bae dating kiss love
~👨‍❤️‍👨	couple with heart: man, man	man_heart_man couple_with_heart_mm	anniversary babe bae dating kiss love
~👩‍❤️‍👩	couple with heart: woman, woman	woman_heart_woman couple_with_heart_ww	anniversary babe bae dating kiss love
👨‍👩‍👦	family: man, woman, boy	man_woman_boy family_mwb	child
👨‍👩‍👧	family: man, woman, girl	man_woman_girl family_mwg	child
👨‍👩‍👧‍👦	family: man, woman, girl, boy	man_woman_girl_boy family_mwgb	child
👨‍👩‍👦‍👦	family: man, woman, boy, boy	man_woman_boy_boy family_mwbb	child
👨‍👩‍👧‍👧	family: man, woman, girl, girl	man_woman_girl_girl family_mwgg	child
👨‍👨‍👦	family: man, man, boy	man_man_boy family_mmb	child
👨‍👨‍👧	family: man, man, girl	man_man_girl family_mmg	child
👨‍👨‍👧‍👦	family: man, man, girl, boy	man_man_girl_boy family_mmgb	child
👨‍👨‍👦‍👦	family: man, man, boy, boy	man_man_boy_boy family_mmbb	child
👨‍👨‍👧‍👧	family: man, man, girl, girl	man_man_girl_girl family_mmgg	child
👩‍👩‍👦	family: woman, woman, boy	woman_woman_boy family_wwb	child
👩‍👩‍👧	family: woman, woman, girl	woman_woman_girl family_wwg	child
👩‍👩‍👧‍👦	family: woman, woman, girl, boy	woman_woman_girl_boy family_wwgb	child
👩‍👩‍👦‍👦	family: woman, woman, boy, boy	woman_woman_boy_boy family_wwbb	child
👩‍👩‍👧‍👧	family: woman, woman, girl, girl	woman_woman_girl_girl family_wwgg	child
👨‍👦	family: man, boy	man_boy family_mb	child
👨‍👦‍👦	family: man, boy, boy	man_boy_boy family_mbb	child
👨‍👧	family: man, girl	man_girl family_mg	child
👨‍👧‍👦	family: man, girl, boy	man_girl_boy family_mgb	child
👨‍👧‍👧	family: man, girl, girl	man_girl_girl family_mgg	child
👩‍👦	family: woman, boy	woman_boy family_wb	child
👩‍👦‍👦	family: woman, boy, boy	woman_boy_boy family_wbb	child
👩‍👧	family: woman, girl	woman_girl family_wg	child
👩‍👧‍👦	family: woman, girl, boy	woman_girl_boy family_wgb	child
👩‍👧‍👧	family: woman, girl, girl	woman_girl_girl family_wgg	child
🗣️	speaking head	speaking_head_in_silhouette	face speak
👤	bust in silhouette		mysterious shadow
👥	busts in silhouette		bff bust everyone friend friends people
@13
🫂	people hugging		comfort embrace farewell friendship goodbye hello
@12
👪	family		child
@15.1
🧑‍🧑‍🧒	family: adult, adult, child	family_aac	adult
🧑‍🧑‍🧒‍🧒	family: adult, adult, child, child	family_aacc	adult
🧑‍🧒	family: adult, child	family_aa family_ac	adult
🧑‍🧒‍🧒	family: adult, child, child	family_acc	adult
@12
👣	footprints		barefoot clothing footprint omw print walk
@16
🫆	fingerprint		clue crime detective forensics identity mystery
#animals-nature
@12
🐵	monkey face		animal banana
🐒	monkey		animal banana
🦍	gorilla		animal
🦧	orangutan		animal ape monkey
🐶	dog face	dog	adorbs animal pet puppies puppy
🐕	dog	dog2	animal animals dogs pet
🦮	guide dog		accessibility animal blind
🐕‍🦺	service dog		accessibility animal assistance
🐩	poodle		animal dog fluffy
🐺	wolf	wolf_face	animal
🦊	fox	fox_face	animal
🦝	raccoon		animal curious sly
🐱	cat face	cat	animal kitten kitty pet
🐈	cat	cat2	animal animals cats kitten pet
@13
🐈‍⬛	black cat		animal feline halloween meow unlucky
@12
🦁	lion	lion_face	alpha animal leo mane order rawr
🐯	tiger face	tiger	animal big cat predator
🐅	tiger	tiger2	animal big cat predator zoo
🐆	leopard		animal big cat predator zoo
🐴	horse face	horse	animal dressage equine farm horses
@15
🫎	moose		alces animal antlers elk mammal
🫏	donkey		animal ass burro hinny mammal mule
@12
🐎	horse	racehorse	animal equestrian farm racing
🦄	unicorn	unicorn_face	
🦓	zebra	zebra_face	animal stripe
🦌	deer		animal
@13
🦬	bison		animal buffalo herd wisent
@12
🐮	cow face	cow	animal farm milk moo
🐂	ox		animal animals bull farm taurus zodiac
🐃	water buffalo		animal zoo
🐄	cow	cow2	animal animals farm milk moo
🐷	pig face	pig	animal bacon farm pork
🐖	pig	pig2	animal bacon farm pork sow
🐗	boar		animal pig
🐽	pig nose		animal face farm smell snout
🐏	ram		animal aries horns male sheep zodiac
🐑	ewe	sheep	animal baa farm female fluffy lamb
🐐	goat		animal capricorn farm milk zodiac
🐪	camel	dromedary_camel	animal desert hump one
🐫	two-hump camel	camel	animal bactrian desert hump two
🦙	llama		alpaca animal guanaco vicuña wool
🦒	giraffe	giraffe_face	animal spots
🐘	elephant		animal
@13
🦣	mammoth		animal extinction large tusk wooly
@12
🦏	rhinoceros	rhino	animal
🦛	hippopotamus	hippo	animal
🐭	mouse face	mouse	animal
🐁	mouse	mouse2	animal animals
🐀	rat		animal
🐹	hamster	hamster_face	animal pet
🐰	rabbit face	rabbit	animal bunny pet
🐇	rabbit	rabbit2	animal bunny pet
🐿️	chipmunk		animal squirrel
@13
🦫	beaver		animal dam teeth
@12
🦔	hedgehog		animal spiny
🦇	bat		animal vampire
🐻	bear	bear_face	animal grizzly growl honey
@13
🐻‍❄️	polar bear	polar_bear_face	animal arctic white
@12
🐨	koala	koala_face	animal australia bear down marsupial under
🐼	panda	panda_face	animal bamboo
🦥	sloth		lazy slow
🦦	otter		animal fishing playful
🦨	skunk		animal stink
🦘	kangaroo		animal joey jump marsupial
🦡	badger		animal honey pester
🐾	paw prints	feet	paws print
🦃	turkey		bird gobble thanksgiving
🐔	chicken	chicken_face	animal bird ornithology
🐓	rooster		animal bird ornithology
🐣	hatching chick		animal baby bird egg
🐤	baby chick		animal bird ornithology
🐥	front-facing baby chick	hatched_chick	animal bird newborn ornithology
🐦	bird	bird_face	animal ornithology
🐧	penguin	penguin_face	animal antarctica bird ornithology
🕊️	dove	dove_of_peace	bird fly ornithology
🦅	eagle		animal bird ornithology
🦆	duck		animal bird ornithology
🦢	swan		animal bird cygnet duckling ornithology ugly
🦉	owl		animal bird ornithology wise
@13
🦤	dodo		animal bird extinction large ornithology
🪶	feather		bird flight light plumage
@12
🦩	flamingo		animal bird flamboyant ornithology tropical
🦚	peacock		animal bird colorful ornithology ostentatious peahen
🦜	parrot		animal bird ornithology pirate talk
@15
🪽	wing		angelic ascend aviation bird fly flying
🐦‍⬛	black bird		animal beak caw corvid crow ornithology
🪿	goose		animal bird duck flock fowl gaggle
@15.1
🐦‍🔥	phoenix		ascend ascension emerge fantasy firebird glory
@12
🐸	frog	frog_face	animal
🐊	crocodile		animal zoo
🐢	turtle		animal terrapin tortoise
🦎	lizard		animal reptile
🐍	snake		animal bearer ophiuchus serpent zodiac
🐲	dragon face		animal fairy fairytale tale
🐉	dragon		animal fairy fairytale knights tale
🦕	sauropod		brachiosaurus brontosaurus dinosaur diplodocus
🦖	T-Rex	trex	dinosaur rex t t-rex tyrannosaurus
🐳	spouting whale	whale	animal beach face ocean
🐋	whale	whale2	animal beach ocean
🐬	dolphin	flipper	animal beach ocean
@17
🫍	orca		marine ocean whale
@13
🦭	seal		animal lion ocean sea
@12
🐟	fish		animal dinner fishes fishing pisces zodiac
🐠	tropical fish		animal fishes
🐡	blowfish		animal fish
🦈	shark		animal fish
🐙	octopus		animal creature ocean
🐚	spiral shell	shell	animal beach conch sea
@14
🪸	coral		change climate ocean reef sea
@15
🪼	jellyfish		animal aquarium burn invertebrate jelly life
@12
🦀	crab		cancer zodiac
🦞	lobster		animal bisque claws seafood
🦐	shrimp		food shellfish small
🦑	squid		animal food mollusk
🦪	oyster		diving pearl
🐌	snail		animal escargot garden nature slug
🦋	butterfly		insect pretty
🐛	bug		animal garden insect
🐜	ant		animal garden insect
🐝	honeybee	bee	animal bumblebee honey insect nature spring
@13
🪲	beetle		animal bug insect
@12
🐞	lady beetle	ladybug	animal garden insect ladybird nature
🦗	cricket		animal bug grasshopper insect orthoptera
@13
🪳	cockroach		animal insect pest roach
@12
🕷️	spider		animal insect
🕸️	spider web		
🦂	scorpion		scorpio scorpius zodiac
🦟	mosquito		bite disease fever insect malaria pest
@13
🪰	fly		animal disease insect maggot pest rotting
🪱	worm		animal annelid earthworm parasite
@12
🦠	microbe		amoeba bacteria science virus
💐	bouquet		anniversary birthday date flower love plant
🌸	cherry blossom		flower plant spring springtime
💮	white flower		
@14
🪷	lotus		beauty buddhism calm flower hinduism peace
@12
🏵️	rosette		plant
🌹	rose		beauty elegant flower love plant red
🥀	wilted flower		dying
🌺	hibiscus		flower plant
🌻	sunflower		flower outdoors plant sun
🌼	blossom		buttercup dandelion flower plant
🌷	tulip		blossom flower growth plant
@15
🪻	hyacinth		bloom bluebonnet flower indigo lavender lilac
@12
🌱	seedling		plant sapling sprout young
@13
🪴	potted plant		decor grow house nurturing pot
@12
🌲	evergreen tree		christmas forest pine
🌳	deciduous tree		forest green habitat shedding
🌴	palm tree		beach plant tropical
🌵	cactus		desert drought nature plant
🌾	sheaf of rice	ear_of_rice	grain grains plant
🌿	herb		leaf plant
☘️	shamrock		irish plant
🍀	four leaf clover		4 four-leaf irish lucky plant
🍁	maple leaf		falling
🍂	fallen leaf		autumn fall falling
🍃	leaf fluttering in wind	leaves	blow flutter
@14
🪹	empty nest	nest	branch home nesting
🪺	nest with eggs		bird branch egg nesting
@12
🍄	mushroom		fungus toadstool
@16
🪾	leafless tree		bare barren branches dead drought trunk
#food-drink
@12
🍇	grapes		dionysus fruit grape
🍈	melon		cantaloupe fruit
🍉	watermelon		fruit
🍊	tangerine	mandarin orange	c citrus fruit nectarine vitamin
🍋	lemon		citrus fruit sour
@15.1
🍋‍🟩	lime		acidity citrus cocktail fruit garnish key
@12
🍌	banana		fruit potassium
🍍	pineapple		colada fruit pina tropical
🥭	mango		food fruit tropical
🍎	red apple	apple	diet food fruit health ripe
🍏	green apple		fruit
🍐	pear		fruit
🍑	peach		fruit
🍒	cherries		berries cherry fruit red
🍓	strawberry		berry fruit
@13
🫐	blueberries		berries berry bilberry blue blueberry food
@12
🥝	kiwi fruit	kiwifruit kiwi	food
🍅	tomato		food fruit vegetable
@13
🫒	olive		food
@12
🥥	coconut		colada palm piña
🥑	avocado		food fruit
🍆	eggplant		aubergine vegetable
🥔	potato		food vegetable
🥕	carrot		food vegetable
🌽	ear of corn	corn	crops farm maize maze
🌶️	hot pepper		
@13
🫑	bell pepper		capsicum food vegetable
@12
🥒	cucumber		food pickle vegetable
🥬	leafy green		bok burgers cabbage choy kale lettuce
🥦	broccoli		cabbage wild
🧄	garlic		flavoring
🧅	onion		flavoring
🥜	peanuts		food nut peanut vegetable
@14
🫘	beans		food kidney legume small
@12
🌰	chestnut		almond plant
@15
🫚	ginger root	ginger	beer health herb natural spice
🫛	pea pod	pea	beans beanstalk edamame legume soybean vegetable
@15.1
🍄‍🟫	brown mushroom		food fungi fungus nature pizza portobello
@16
🫜	root vegetable		beet food garden radish salad turnip
@12
🍞	bread		carbs food grain loaf restaurant toast
🥐	croissant		bread breakfast crescent food french roll
🥖	baguette bread		food french
@13
🫓	flatbread		arepa bread food gordita lavash naan
@12
🥨	pretzel		convoluted twisted
🥯	bagel		bakery bread breakfast schmear
🥞	pancakes		breakfast crêpe food hotcake pancake
🧇	waffle		breakfast indecisive iron
🧀	cheese wedge	cheese	
🍖	meat on bone		
🍗	poultry leg		bone chicken drumstick hungry turkey
🥩	cut of meat		chop lambchop porkchop red steak
🥓	bacon		breakfast food meat
🍔	hamburger		burger eat fast food hungry
🍟	french fries	fries	fast food
🍕	pizza		cheese food hungry pepperoni slice
🌭	hot dog	hotdog	frankfurter sausage
🥪	sandwich		bread
🌮	taco		mexican
🌯	burrito		mexican wrap
@13
🫔	tamale		food mexican pamonha wrapped
@12
🥙	stuffed flatbread		falafel food gyro kebab
🧆	falafel		chickpea meatball
🥚	egg		breakfast food
🍳	cooking	fried_egg	breakfast easy fry frying over pan
🥘	shallow pan of food		casserole paella
🍲	pot of food	stew	soup
@13
🫕	fondue		cheese chocolate food melted pot ski
@12
🥣	bowl with spoon		breakfast cereal congee oatmeal porridge
🥗	green salad	salad	food
🍿	popcorn		corn movie pop
🧈	butter		dairy
🧂	salt		condiment flavor mad salty shaker taste
🥫	canned food		can
🍱	bento box	bento	food
🍘	rice cracker		food
🍙	rice ball		food japanese
🍚	cooked rice	rice	food
🍛	curry rice	curry	food
🍜	steaming bowl	ramen	chopsticks food noodle pho soup
🍝	spaghetti		food meatballs pasta restaurant
🍠	roasted sweet potato	sweet_potato	food
🍢	oden		food kebab restaurant seafood skewer stick
🍣	sushi		food
🍤	fried shrimp		prawn tempura
🍥	fish cake with swirl	fish_cake	food pastry restaurant
🥮	moon cake		autumn festival yuèbǐng
🍡	dango		dessert japanese skewer stick sweet
🥟	dumpling		empanada gyōza jiaozi pierogi potsticker
🥠	fortune cookie		prophecy
🥡	takeout box		chopsticks delivery food oyster pail
🍦	soft ice cream	icecream soft_serve	dessert food restaurant sweet
🍧	shaved ice		dessert restaurant sweet
🍨	ice cream		dessert food restaurant sweet
🍩	doughnut		breakfast dessert donut food sweet
🍪	cookie		chip chocolate dessert sweet
🎂	birthday cake	birthday	bday celebration dessert happy pastry sweet
🍰	shortcake	cake	dessert pastry slice sweet
🧁	cupcake		bakery dessert sprinkles sugar sweet treat
🥧	pie		apple filling fruit meat pastry pumpkin
🍫	chocolate bar		candy dessert halloween sweet tooth
🍬	candy		cavities dessert halloween restaurant sweet tooth
🍭	lollipop		candy dessert food restaurant sweet
🍮	custard		dessert pudding sweet
🍯	honey pot		barrel bear food honeypot jar sweet
🍼	baby bottle		babies birth born drink infant milk
🥛	glass of milk	milk_glass milk	drink
☕	hot beverage	coffee	cafe caffeine chai drink morning steaming
@13
🫖	teapot		brew drink food pot tea
@12
🍵	teacup without handle	tea	beverage cup drink oolong
🍶	sake		bar beverage bottle cup drink restaurant
🍾	bottle with popping cork	champagne	bar drink
🍷	wine glass		alcohol bar beverage booze club drink
🍸	cocktail glass	cocktail	alcohol bar booze club drink drinking
🍹	tropical drink		alcohol bar booze club cocktail drinking
🍺	beer mug	beer	alcohol ale bar booze drink drinking
🍻	clinking beer mugs	beers	alcohol bar booze bottoms cheers clink
🥂	clinking glasses		celebrate clink drink glass
🥃	tumbler glass	whisky	liquor scotch shot whiskey
@14
🫗	pouring liquid	pour	accident drink empty glass oops spill
@12
🥤	cup with straw		drink juice malt soda soft water
@13
🧋	bubble tea	boba_drink	food milk pearl
@12
🧃	beverage box	juice_box	straw sweet
🧉	mate	mate_drink	
🧊	ice	ice_cube	cold iceberg
🥢	chopsticks		hashi jeotgarak kuaizi
🍽️	fork and knife with plate	plate_with_cutlery knife_fork_plate fork_knife_plate	cooking dinner eat
🍴	fork and knife		breakfast breaky cooking cutlery delicious dinner
🥄	spoon		eat tableware
🔪	kitchen knife	hocho knife	chef cooking tool weapon
@14
🫙	jar		condiment container empty nothing sauce store
@12
🏺	amphora		aquarius cooking drink jug tool weapon
#travel-places
🌍	globe showing Europe-Africa	earth_africa earth_europe	europe-africa world
🌎	globe showing Americas	earth_americas	world
🌏	globe showing Asia-Australia	earth_asia	asia-australia australia world
🌐	globe with meridians		earth internet web world worldwide
🗺️	world map		
🗾	map of Japan	japan japan_map	
🧭	compass		direction magnetic navigation orienteering
🏔️	snow-capped mountain	mountain_snow	cold
⛰️	mountain		
@17
🛘	landslide		avalanche danger disaster earthquake mountain mudslide
@12
🌋	volcano		eruption mountain nature
🗻	mount fuji		mountain nature
🏕️	camping		
🏖️	beach with umbrella	beach_umbrella beach	
🏜️	desert		
🏝️	desert island	island	
🏞️	national park		
🏟️	stadium		
🏛️	classical building		
🏗️	building construction	construction_site	crane
🧱	brick	bricks	clay mortar wall
@13
🪨	rock		boulder heavy solid stone tough
🪵	wood		log lumber timber
🛖	hut		home house roundhouse shelter yurt
@12
🏘️	houses	house_buildings homes	
🏚️	derelict house	derelict_house_building house_abandoned	home
🏠	house		building country heart home ranch settle
🏡	house with garden		building country heart home ranch settle
🏢	office building	office	city cubical job
🏣	Japanese post office	post_office	building japanese
🏤	post office	european_post_office	building
🏥	hospital		building doctor medicine
🏦	bank		building
🏨	hotel		building
🏩	love hotel		building
🏪	convenience store		24 building hours
🏫	school		building
🏬	department store		building
🏭	factory		building
🏯	Japanese castle		building japanese
🏰	castle	european_castle	building
💒	wedding		chapel hitched nuptials romance
🗼	Tokyo tower		tokyo
🗽	Statue of Liberty		liberty new ny nyc statue york
⛪	church		bless chapel christian cross religion
🕌	mosque		islam masjid muslim religion
🛕	hindu temple		
🕍	synagogue		jew jewish judaism religion temple
⛩️	shinto shrine		religion
🕋	kaaba		hajj islam muslim religion umrah
⛲	fountain		
⛺	tent		camping
🌁	foggy		fog
🌃	night with stars		star
🏙️	cityscape		city
🌄	sunrise over mountains		morning sun
🌅	sunrise		morning nature sun
🌆	cityscape at dusk	city_sunset city_dusk	building evening landscape sun
🌇	sunset	city_sunrise city_sunset	building dusk sun
🌉	bridge at night		
♨️	hot springs	hotsprings	steaming
🎠	carousel horse		entertainment
@14
🛝	playground slide	slide	amusement park play playing sliding theme
@12
🎡	ferris wheel		amusement park theme
🎢	roller coaster		amusement park theme
💈	barber pole	barber	cut fresh haircut shave
🎪	circus tent		
🚂	locomotive	steam_locomotive	caboose engine railway train trains travel
🚃	railway car		electric train tram travel trolleybus
🚄	high-speed train	bullettrain_side	railway shinkansen speed
🚅	bullet train	bullettrain_front	high-speed nose railway shinkansen speed travel
🚆	train	train2	arrived choo railway
🚇	metro		subway travel
🚈	light rail		arrived monorail railway
🚉	station		railway train
🚊	tram		trolleybus
🚝	monorail		vehicle
🚞	mountain railway		car trip
🚋	tram car	train	bus trolley trolleybus
🚌	bus		school vehicle
🚍	oncoming bus		cars
🚎	trolleybus		bus tram trolley
🚐	minibus		bus drive van vehicle
🚑	ambulance		emergency vehicle
🚒	fire engine		truck
🚓	police car		5–0 cops patrol
🚔	oncoming police car		
🚕	taxi		cab cabbie car drive vehicle yellow
🚖	oncoming taxi		cab cabbie cars drove hail yellow
🚗	automobile	car red_car	driving vehicle
🚘	oncoming automobile		car cars drove vehicle
🚙	sport utility vehicle	blue_car suv	drive recreational sportutility
@13
🛻	pickup truck		automobile car flatbed pick-up transportation
@12
🚚	delivery truck	truck	car drive vehicle
🚛	articulated lorry		car drive move semi truck vehicle
🚜	tractor		vehicle
🏎️	racing car		zoom
🏍️	motorcycle	racing_motorcycle	
🛵	motor scooter		
🦽	manual wheelchair		accessibility
🦼	motorized wheelchair		accessibility
🛺	auto rickshaw		tuk
🚲	bicycle	bike	class cycle cycling cyclist gang ride
🛴	kick scooter	scooter	
🛹	skateboard		board skate skater wheels
@13
🛼	roller skate		blades skates sport
@12
🚏	bus stop	busstop	
🛣️	motorway		highway road
🛤️	railway track		train
🛢️	oil drum		
⛽	fuel pump	fuelpump	diesel gas gasoline station
@14
🛞	wheel		car circle tire turn vehicle
@12
🚨	police car light	rotating_light	alarm alert beacon emergency revolving siren
🚥	horizontal traffic light	traffic_light	intersection signal stop stoplight
🚦	vertical traffic light		drove intersection signal stop stoplight
🛑	stop sign	octagonal_sign	
🚧	construction		barrier
⚓	anchor		ship tool
@14
🛟	ring buoy	lifebuoy	float life lifesaver preserver rescue safety
@12
⛵	sailboat	boat	resort sailing sea yacht
🛶	canoe		boat
🚤	speedboat		billionaire boat lake luxury millionaire summer
🛳️	passenger ship	cruise_ship	
⛴️	ferry		boat passenger
🛥️	motor boat	motorboat	
🚢	ship		boat passenger travel
✈️	airplane		aeroplane fly flying jet plane travel
🛩️	small airplane		aeroplane plane
🛫	airplane departure	flight_departure	aeroplane check-in departures plane
🛬	airplane arrival	flight_arrival airplane_arriving	aeroplane arrivals landing plane
🪂	parachute		hang-glide parasail skydive
💺	seat		chair
🚁	helicopter		copter roflcopter travel vehicle
🚟	suspension railway		
🚠	mountain cableway		cable gondola lift ski
🚡	aerial tramway		cable car gondola ropeway
🛰️	satellite	artificial_satellite	space
🚀	rocket		launch rockets space travel
🛸	flying saucer		aliens extra terrestrial ufo
🛎️	bellhop bell	bellhop	hotel
🧳	luggage		bag packing roller suitcase travel
⌛	hourglass done	hourglass	sand time timer
⏳	hourglass not done	hourglass_flowing_sand	hours timer waiting yolo
⌚	watch		clock time
⏰	alarm clock		hours hrs late time waiting
⏱️	stopwatch		clock time
⏲️	timer clock		
🕰️	mantelpiece clock	clock	time
🕛	twelve o’clock	clock12	12 12:00 clock time
🕧	twelve-thirty	clock1230	12 12:30 30 clock thirty time
🕐	one o’clock	clock1	1 1:00 clock time
🕜	one-thirty	clock130	1 1:30 30 clock one thirty
🕑	two o’clock	clock2	2 2:00 clock time
🕝	two-thirty	clock230	2 2:30 30 clock thirty time
🕒	three o’clock	clock3	3 3:00 clock time
🕞	three-thirty	clock330	3 30 3:30 clock thirty three
🕓	four o’clock	clock4	4 4:00 clock time
🕟	four-thirty	clock430	30 4 4:30 clock four thirty
🕔	five o’clock	clock5	5 5:00 clock time
🕠	five-thirty	clock530	30 5 5:30 clock five thirty
🕕	six o’clock	clock6	6 6:00 clock time
🕡	six-thirty	clock630	30 6 6:30 clock six thirty
🕖	seven o’clock	clock7	0 7 7:00 clock
🕢	seven-thirty	clock730	30 7 7:30 clock seven thirty
🕗	eight o’clock	clock8	8 8:00 clock time
🕣	eight-thirty	clock830	30 8 8:30 clock eight thirty
🕘	nine o’clock	clock9	9 9:00 clock time
🕤	nine-thirty	clock930	30 9 9:30 clock nine thirty
🕙	ten o’clock	clock10	0 10 10:00 clock
🕥	ten-thirty	clock1030	10 10:30 30 clock ten thirty
🕚	eleven o’clock	clock11	11 11:00 clock time
🕦	eleven-thirty	clock1130	11 11:30 30 clock eleven thirty
🌑	new moon		dark space
🌒	waxing crescent moon		dreams space
🌓	first quarter moon		space
🌔	waxing gibbous moon	moon	space
🌕	full moon		space
🌖	waning gibbous moon		space
🌗	last quarter moon		space
🌘	waning crescent moon		space
🌙	crescent moon		ramadan space
🌚	new moon face	new_moon_with_face	space
🌛	first quarter moon face	first_quarter_moon_with_face	space
🌜	last quarter moon face	last_quarter_moon_with_face	dreams
🌡️	thermometer		weather
☀️	sun	sunny	bright rays space weather
🌝	full moon face	full_moon_with_face	bright
🌞	sun with face		beach bright day heat shine sunny
🪐	ringed planet	saturn	saturnine
⭐	star		astronomy medium stars white
🌟	glowing star	star2	glittery glow night shining sparkle win
🌠	shooting star	stars	falling night space
🌌	milky way		space
☁️	cloud		weather
⛅	sun behind cloud	partly_sunny	cloudy weather
⛈️	cloud with lightning and rain	thunder_cloud_and_rain stormy	thunderstorm
🌤️	sun behind small cloud	mostly_sunny sun_small_cloud sunny	weather
🌥️	sun behind large cloud	barely_sunny sun_behind_cloud cloudy	weather
🌦️	sun behind rain cloud	partly_sunny_rain sun_and_rain	weather
🌧️	cloud with rain	rain_cloud rainy	weather
🌨️	cloud with snow	snow_cloud snowy	cold weather
🌩️	cloud with lightning	lightning lightning_cloud	weather
🌪️	tornado	tornado_cloud	weather whirlwind
🌫️	fog		cloud weather
🌬️	wind face	wind_blowing_face	blow cloud
🌀	cyclone		dizzy hurricane twister typhoon weather
🌈	rainbow		gay genderqueer glbt glbtq lesbian lgbt
🌂	closed umbrella		clothing rain
☂️	umbrella	open_umbrella	clothing rain
☔	umbrella with rain drops	umbrella umbrella_with_rain	clothing drop weather
⛱️	umbrella on ground	parasol_on_ground beach_umbrella	rain sun
⚡	high voltage	zap	danger electric electricity lightning nature thunder
❄️	snowflake		cold snow weather
☃️	snowman	snowman_with_snow snowman2	cold man
⛄	snowman without snow	snowman	cold man
☄️	comet		space
🔥	fire		af burn flame hot lit litaf
💧	droplet		cold comic drop nature sad sweat
🌊	water wave	ocean	nature surf surfer surfing
#activities
🎃	jack-o-lantern		celebration halloween jack lantern pumpkin
🎄	Christmas tree		celebration christmas
🎆	fireworks		boom celebration entertainment yolo
🎇	sparkler		boom celebration fireworks sparkle
🧨	firecracker		dynamite explosive fire fireworks light pop
✨	sparkles		* magic sparkle star
🎈	balloon		birthday celebrate celebration
🎉	party popper	tada party	awesome birthday celebrate celebration excited hooray
🎊	confetti ball		celebrate celebration party woohoo
🎋	tanabata tree		banner celebration japanese
🎍	pine decoration	bamboo	celebration japanese plant
🎎	Japanese dolls	dolls	celebration doll festival japanese
🎏	carp streamer	flags	celebration
🎐	wind chime		bell celebration
🎑	moon viewing ceremony	rice_scene moon_ceremony	celebration
🧧	red envelope		gift good hóngbāo lai luck money
🎀	ribbon		celebration
🎁	wrapped gift	gift	birthday bow box celebration christmas present
🎗️	reminder ribbon		celebration
🎟️	admission tickets	tickets	ticket
🎫	ticket		admission stub
🎖️	military medal	medal_military medal	award celebration
🏆	trophy		champion champs prize slay sport victory
🏅	sports medal	medal_sports	award gold winner
🥇	1st place medal	first_place_medal 1st	gold
🥈	2nd place medal	second_place_medal 2nd	silver
🥉	3rd place medal	third_place_medal 3rd	bronze
⚽	soccer ball	soccer	football futbol sport
⚾	baseball		ball sport
🥎	softball		ball glove sports underarm
🏀	basketball		ball hoop sport
🏐	volleyball		ball game
🏈	american football	football	ball bowl sport super
🏉	rugby football		ball sport
🎾	tennis		ball racquet sport
🥏	flying disc		ultimate
🎳	bowling		ball game sport strike
🏏	cricket game	cricket_bat_and_ball	
🏑	field hockey	field_hockey_stick_and_ball	game
🏒	ice hockey	ice_hockey_stick_and_puck hockey	game
🥍	lacrosse		ball goal sports stick
🏓	ping pong	table_tennis_paddle_and_ball	bat game pingpong
🏸	badminton	badminton_racquet_and_shuttlecock	birdie game
🥊	boxing glove		
🥋	martial arts uniform		judo karate taekwondo
🥅	goal net		
⛳	flag in hole	golf	sport
⛸️	ice skate		skating
🎣	fishing pole	fishing_pole_and_fish	entertainment sport
🤿	diving mask		scuba snorkeling
🎽	running shirt	running_shirt_with_sash	athletics
🎿	skis	ski	snow sport
🛷	sled		luge sledge sleigh snow toboggan
🥌	curling stone		game rock
🎯	bullseye	dart direct_hit	bull entertainment game target
🪀	yo-yo		fluctuate toy
🪁	kite		fly soar
🔫	water pistol	gun pistol	handgun revolver tool weapon
🎱	pool 8 ball	8ball billiards	billiard eight game
🔮	crystal ball		fairy fairytale fantasy fortune future magic
@13
🪄	magic wand		magician witch wizard
@12
🎮	video game	controller	entertainment
🕹️	joystick		game video videogame
🎰	slot machine		casino gamble gambling game slots
🎲	game die		dice entertainment
🧩	puzzle piece	jigsaw	clue interlocking
🧸	teddy bear		plaything plush stuffed toy
@13
🪅	piñata	pinata	candy celebrate celebration cinco de festive
@14
🪩	mirror ball	disco disco_ball	dance glitter party
@13
🪆	nesting dolls		babooshka baboushka babushka doll matryoshka russia
@12
♠️	spade suit	spades	card game
♥️	heart suit	hearts	card emotion game
♦️	diamond suit	diamonds	card game
♣️	club suit	clubs	card game
♟️	chess pawn		dupe expendable
🃏	joker	black_joker	card game wildcard
🀄	mahjong red dragon	mahjong	game
🎴	flower playing cards		card game japanese
🎭	performing arts		actor actress art entertainment mask theater
🖼️	framed picture	frame_with_picture	art museum painting
🎨	artist palette	art palette	artsy arty colorful creative entertainment museum
🧵	thread		needle sewing spool string
@13
🪡	sewing needle		embroidery sew stitches sutures tailoring thread
@12
🧶	yarn		ball crochet knit
@13
🪢	knot		cord rope tangled tie twine twist
#objects
@12
👓	glasses	eyeglasses	clothing eye eyewear
🕶️	sunglasses	dark_sunglasses	eye eyewear glasses
🥽	goggles		dive eye protection scuba swimming welding
🥼	lab coat		clothes doctor dr experiment jacket scientist
🦺	safety vest		emergency
👔	necktie		clothing employed serious shirt tie
👕	t-shirt	shirt tshirt	blue casual clothes clothing collar dressed
👖	jeans		blue casual clothes clothing denim dressed
🧣	scarf		bundle cold neck up
🧤	gloves		hand
🧥	coat		brr bundle cold jacket up
🧦	socks		stocking
👗	dress		clothes clothing dressed fancy shopping
👘	kimono		clothing comfortable
🥻	sari		clothing dress
🩱	one-piece swimsuit		bathing suit
🩲	briefs	swim_brief	bathing one-piece suit swimsuit underwear
🩳	shorts		bathing pants suit swimsuit underwear
👙	bikini		bathing beach clothing pool suit swim
👚	woman’s clothes	womans_clothes	blouse clothing collar dress dressed lady
@15
🪭	folding hand fan	folding_fan	clack clap cool cooling dance flirt
@12
👛	purse		clothes clothing coin dress fancy handbag
👜	handbag		bag clothes clothing dress lady purse
👝	clutch bag	pouch	clothes clothing dress handbag purse
🛍️	shopping bags	shopping	bag hotel
🎒	backpack	school_satchel	backpacking bag bookbag education rucksack
@13
🩴	thong sandal		beach flip flop sandals shoe thongs
@12
👞	man’s shoe	mans_shoe shoe	brown clothes clothing feet foot kick
👟	running shoe	athletic_shoe sneaker	clothes clothing fast kick shoes shopping
🥾	hiking boot		backpacking brown camping outdoors shoe
🥿	flat shoe	womans_flat_shoe	ballet comfy flats slip-on slipper
👠	high-heeled shoe	high_heel	clothes clothing dress fashion heels shoes
👡	woman’s sandal	sandal	clothing shoe woman
🩰	ballet shoes		dance
👢	woman’s boot	boot	clothes clothing dress shoe shoes shopping
@15
🪮	hair pick		afro comb groom
@12
👑	crown		clothing family king medieval queen royal
👒	woman’s hat	womans_hat	clothes clothing garden hats party woman
🎩	top hat	tophat	clothes clothing fancy formal magic
🎓	graduation cap	mortar_board	celebration clothing education hat scholar
🧢	billed cap		baseball bent dad hat
@13
🪖	military helmet		army soldier war warrior
@12
⛑️	rescue worker’s helmet	rescue_worker_helmet helmet_with_white_cross helmet_with_cross	aid face hat
📿	prayer beads		clothing necklace religion
💄	lipstick		cosmetics date makeup
💍	ring		diamond engaged engagement married romance shiny
💎	gem stone	gem	diamond engagement jewel money romance wedding
🔇	muted speaker	mute no_sound	quiet silent
🔈	speaker low volume	speaker low_volume quiet_sound	soft
🔉	speaker medium volume	sound medium_volumne	
🔊	speaker high volume	loud_sound high_volume	music
📢	loudspeaker		address communication loud public sound
📣	megaphone	mega	cheering sound
📯	postal horn		post
🔔	bell		break church sound
🔕	bell with slash	no_bell	forbidden mute not prohibited quiet silent
🎼	musical score		music note
🎵	musical note		music sound
🎶	musical notes	notes	music note sound
🎙️	studio microphone		mic music
🎚️	level slider		music
🎛️	control knobs		music
🎤	microphone		karaoke mic music sing sound
🎧	headphone	headphones	earbud sound
📻	radio		entertainment tbt video
🎷	saxophone		instrument music sax
🎺	trumpet		instrument music
@17
🪊	trombone		brass instrument jazz music sad slide
@13
🪗	accordion		box concertina instrument music squeeze squeezebox
@12
🎸	guitar		instrument music strat
🎹	musical keyboard		instrument music piano
🎻	violin		instrument music
🪕	banjo		music stringed
🥁	drum	drum_with_drumsticks	music
@13
🪘	long drum		beat conga instrument rhythm
@15
🪇	maracas		cha dance instrument music party percussion
🪈	flute		band fife flautist instrument marching music
@16
🪉	harp		cupid instrument love music orchestra
@12
📱	mobile phone	iphone android	cell communication telephone
📲	mobile phone with arrow	calling mobile_phone_arrow	build call cell communication receive telephone
☎️	telephone	phone	
📞	telephone receiver		communication phone voip
📟	pager		communication
📠	fax machine	fax	communication
🔋	battery		
@14
🪫	low battery		drained electronic energy power
@12
🔌	electric plug		electricity
💻	laptop	computer	office pc personal
🖥️	desktop computer	computer	monitor
🖨️	printer		computer
⌨️	keyboard		computer
🖱️	computer mouse	three_button_mouse	
🖲️	trackball		computer
💽	computer disk	minidisc	minidisk optical
💾	floppy disk		computer
💿	optical disk	cd	blu-ray computer dvd
📀	dvd		blu-ray cd computer disk optical
🧮	abacus		calculation calculator
🎥	movie camera		bollywood cinema film hollywood record
🎞️	film frames	film_strip	cinema movie
📽️	film projector		cinema movie video
🎬	clapper board	clapper	action movie
📺	television	tv	video
📷	camera		photo selfie snap tbt trip video
📸	camera with flash	camera_flash	video
📹	video camera		camcorder tbt
📼	videocassette	vhs	old school tape vcr video
🔍	magnifying glass tilted left	mag	lab left-pointing science search tool
🔎	magnifying glass tilted right	mag_right	contact lab right-pointing science search tool
🕯️	candle		light
💡	light bulb	bulb	comic electric idea
🔦	flashlight		electric light tool torch
🏮	red paper lantern	izakaya_lantern lantern	bar light restaurant
🪔	diya lamp		light oil
📔	notebook with decorative cover		book decorated education school writing
📕	closed book		education
📖	open book	book	education fantasy knowledge library novels reading
📗	green book		education fantasy library reading
📘	blue book		education fantasy library reading
📙	orange book		education fantasy library reading
📚	books		book education fantasy knowledge library novels
📓	notebook		
📒	ledger		notebook
📃	page with curl		document paper
📜	scroll		paper
📄	page facing up		document paper
📰	newspaper		communication news paper
🗞️	rolled-up newspaper	newspaper_roll	news paper rolled
📑	bookmark tabs		mark marker
🔖	bookmark		mark
🏷️	label		tag
@13
🪙	coin		dollar euro gold metal money rich
@12
💰	money bag	moneybag	bank bet billion cash cost dollar
@17
🪎	treasure chest		gem gold jewels loot money prize
@12
💴	yen banknote	yen	bank bill currency money note
💵	dollar banknote	dollar	bank bill currency money note
💶	euro banknote	euro	100 bank bill currency money note
💷	pound banknote	pound	bank bill billion cash currency money
💸	money with wings		bank banknote bill billion cash dollar
💳	credit card		bank cash charge money pay
🧾	receipt		accounting bookkeeping evidence invoice proof
💹	chart increasing with yen	chart	bank currency graph growth market money
✉️	envelope	email	e-mail letter
📧	e-mail	email	letter mail
📨	incoming envelope		delivering e-mail email letter mail receive
📩	envelope with arrow		communication down e-mail email letter mail
📤	outbox tray		box email letter mail sent
📥	inbox tray		box email letter mail receive zero
📦	package		box communication delivery parcel shipping
📫	closed mailbox with raised flag	mailbox	communication mail postbox
📪	closed mailbox with lowered flag	mailbox_closed	mail postbox
📬	open mailbox with raised flag	mailbox_with_mail	postbox
📭	open mailbox with lowered flag	mailbox_with_no_mail	postbox
📮	postbox		mail mailbox
🗳️	ballot box with ballot	ballot_box	
✏️	pencil	pencil2	
✒️	black nib		pen
🖋️	fountain pen	lower_left_fountain_pen	
🖊️	pen	lower_left_ballpoint_pen	
🖌️	paintbrush	lower_left_paintbrush	painting
🖍️	crayon	lower_left_crayon	
📝	memo	pencil	communication media notes
💼	briefcase		office
📁	file folder		
📂	open file folder		
🗂️	card index dividers		
📅	calendar	date	
📆	tear-off calendar	calendar	
🗒️	spiral notepad	spiral_note_pad notepad_spiral	
🗓️	spiral calendar	spiral_calendar_pad calendar_spiral	
📇	card index		old rolodex school
📈	chart increasing	chart_with_upwards_trend	data graph growth right up upward
📉	chart decreasing	chart_with_downwards_trend	data down downward graph negative
📊	bar chart		data graph
📋	clipboard		do list notes
📌	pushpin		collage pin
📍	round pushpin		location map pin
📎	paperclip		
🖇️	linked paperclips	paperclips	link paperclip
📏	straight ruler		angle edge math straightedge
📐	triangular ruler		angle math rule set slide triangle
✂️	scissors		cut cutting paper tool
🗃️	card file box		
🗄️	file cabinet		filing paper
🗑️	wastebasket	trashcan	can garbage trash waste
🔒	locked	lock	closed private
🔓	unlocked	unlock	cracked lock open
🔏	locked with pen	lock_with_ink_pen	nib privacy
🔐	locked with key	closed_lock_with_key	bike secure
🔑	key		keys lock major password unlock
🗝️	old key		clue lock
🔨	hammer		home improvement repairs tool
🪓	axe		ax chop hatchet split wood
⛏️	pick		hammer mining tool
⚒️	hammer and pick		tool
🛠️	hammer and wrench		spanner tool
🗡️	dagger	dagger_knife	weapon
⚔️	crossed swords		weapon
💣	bomb		boom comic dangerous explosion hot
@13
🪃	boomerang		rebound repercussion weapon
@12
🏹	bow and arrow		archer archery sagittarius tool weapon zodiac
🛡️	shield		weapon
@13
🪚	carpentry saw		carpenter cut lumber tool trim
@12
🔧	wrench		home improvement spanner tool
@13
🪛	screwdriver		flathead handy screw tool
@12
🔩	nut and bolt		home improvement tool
⚙️	gear		cog cogwheel tool
🗜️	clamp	compression	compress tool vice
⚖️	balance scale	scales	justice libra tool weight zodiac
🦯	white cane	probing_cane	accessibility blind
🔗	link		links
@15.1
⛓️‍💥	broken chain		break breaking cuffs freedom
@12
⛓️	chains		chain
@13
🪝	hook		catch crook curve ensnare point selling
@12
🧰	toolbox		box chest mechanic red tool
🧲	magnet		attraction horseshoe magnetic negative positive shape
@13
🪜	ladder		climb rung step
@16
🪏	shovel		bury dig garden hole plant scoop
@12
⚗️	alembic		chemistry tool
🧪	test tube		chemist chemistry experiment lab science
🧫	petri dish		bacteria biologist biology culture lab
🧬	dna	double_helix	biologist evolution gene genetics life
🔬	microscope		experiment lab science tool
🔭	telescope		contact extraterrestrial science tool
📡	satellite antenna	satellite	aliens contact dish science
💉	syringe		doctor flu medicine needle shot sick
🩸	drop of blood		bleed donation injury medicine menstruation
💊	pill		doctor drugs medicated medicine pills sick
🩹	adhesive bandage	bandaid	
@14
🩼	crutch		aid cane disability help hurt injured
@12
🩺	stethoscope		doctor heart medicine
@14
🩻	x-ray	xray	bones doctor medical skeleton skull
@12
🚪	door		back closet front
@13
🛗	elevator		accessibility hoist lift
🪞	mirror		makeup reflection reflector speculum
🪟	window		air frame fresh opening transparent view
@12
🛏️	bed		hotel sleep
🛋️	couch and lamp		hotel
🪑	chair		seat sit
🚽	toilet		bathroom
@13
🪠	plunger		cup force plumber poop suction toilet
@12
🚿	shower		water
🛁	bathtub		bath
@13
🪤	mouse trap		bait cheese lure mousetrap snare
@12
🪒	razor		sharp shave
🧴	lotion bottle		moisturizer shampoo sunscreen
🧷	safety pin		diaper punk rock
🧹	broom		cleaning sweeping witch
🧺	basket		farming laundry picnic
🧻	roll of paper	toilet_paper	towels
@13
🪣	bucket		cask pail vat
@12
🧼	soap		bar bathing clean cleaning lather soapdish
@14
🫧	bubbles		bubble burp clean floating pearl soap
@13
🪥	toothbrush		bathroom brush clean dental hygiene teeth
@12
🧽	sponge		absorbing cleaning porous soak
🧯	fire extinguisher		extinguish quench
🛒	shopping cart	shopping_trolley	
🚬	cigarette	smoking	
⚰️	coffin		dead death vampire
@13
🪦	headstone		cemetery dead grave graveyard memorial rip
@12
⚱️	funeral urn		ashes death
🧿	nazar amulet		bead blue charm evil-eye talisman
@14
🪬	hamsa		amulet fatima fortune guide hand mary
@12
🗿	moai	moyai	face statue stoneface travel
@13
🪧	placard		card demonstration notice picket plaque protest
@14
🪪	identification card	id_card	credentials document license security
#symbols
@12
🏧	ATM sign	atm	automated bank cash money teller
🚮	litter in bin sign	put_litter_in_its_place litter_bin	litterbin
🚰	potable water		drinking
♿	wheelchair symbol	wheelchair handicapped	access handicap
🚹	men’s room	mens	bathroom lavatory man restroom toilet wc
🚺	women’s room	womens	bathroom lavatory restroom toilet wc woman
🚻	restroom	bathroom	lavatory toilet wc
🚼	baby symbol		changing
🚾	water closet	wc	bathroom lavatory restroom toilet
🛂	passport control		
🛃	customs		packing
🛄	baggage claim		arrived bags case checked journey packing
🛅	left luggage		baggage case locker
⚠️	warning		caution
🚸	children crossing		child pedestrian traffic
⛔	no entry		do fail forbidden not pass prohibited
🚫	prohibited	no_entry_sign	forbidden not smoke
🚳	no bicycles		bicycle bike forbidden not prohibited
🚭	no smoking		forbidden not prohibited smoke
🚯	no littering	do_not_litter	forbidden prohibited
🚱	non-potable water		dry non-drinking prohibited
🚷	no pedestrians		forbidden not pedestrian prohibited
📵	no mobile phones		cell forbidden not phone prohibited telephone
🔞	no one under eighteen	underage no_one_under_18	age forbidden not prohibited restriction
☢️	radioactive	radioactive_sign	
☣️	biohazard	biohazard_sign	
⬆️	up arrow	arrow_up	cardinal direction north
↗️	up-right arrow	arrow_upper_right	direction intercardinal northeast
➡️	right arrow	arrow_right	cardinal direction east
↘️	down-right arrow	arrow_lower_right	direction intercardinal southeast
⬇️	down arrow	arrow_down	cardinal direction south
↙️	down-left arrow	arrow_lower_left	direction intercardinal southwest
⬅️	left arrow	arrow_left	cardinal direction west
↖️	up-left arrow	arrow_upper_left	direction intercardinal northwest
↕️	up-down arrow	arrow_up_down	
↔️	left-right arrow		
↩️	right arrow curving left	leftwards_arrow_with_hook arrow_left_hook	
↪️	left arrow curving right	arrow_right_hook rightwards_arrow_with_hook	
⤴️	right arrow curving up	arrow_heading_up	
⤵️	right arrow curving down	arrow_heading_down	
🔃	clockwise vertical arrows	arrows_clockwise clockwise	arrow refresh reload
🔄	counterclockwise arrows button	arrows_counterclockwise counterclockwise	again anticlockwise arrow deja refresh rewindershins
🔙	BACK arrow	back	
🔚	END arrow	end	
🔛	ON! arrow	on	mark on!
🔜	SOON arrow	soon	brb omw
🔝	TOP arrow	top	homie up
🛐	place of worship		pray religion
⚛️	atom symbol	atom	atheist
🕉️	om	om_symbol	hindu religion
✡️	star of David		david jew jewish judaism religion
☸️	wheel of dharma		buddhist religion
☯️	yin yang		difficult lives religion tao taoist total
✝️	latin cross		christ christian religion
☦️	orthodox cross		christian religion
☪️	star and crescent		islam muslim ramadan religion
☮️	peace symbol	peace	healing peaceful
🕎	menorah	menorah_with_nine_branches	candelabrum candlestick hanukkah jewish judaism religion
🔯	dotted six-pointed star	six_pointed_star	fortune jewish judaism
@15
🪯	khanda		deg fateh khalsa religion sikh sikhism
@12
♈	Aries		aries horoscope ram zodiac
♉	Taurus		bull horoscope ox taurus zodiac
♊	Gemini		gemini horoscope twins zodiac
♋	Cancer		cancer crab horoscope zodiac
♌	Leo		horoscope leo lion zodiac
♍	Virgo		horoscope virgo zodiac
♎	Libra		balance horoscope justice libra scales zodiac
♏	Scorpio	scorpius	horoscope scorpio scorpion zodiac
♐	Sagittarius		archer horoscope sagittarius zodiac
♑	Capricorn		capricorn goat horoscope zodiac
♒	Aquarius		aquarius bearer horoscope water zodiac
♓	Pisces		fish horoscope pisces zodiac
⛎	Ophiuchus		bearer ophiuchus serpent snake zodiac
🔀	shuffle tracks button	twisted_rightwards_arrows shuffle	arrow crossed
🔁	repeat button	repeat	arrow clockwise
🔂	repeat single button	repeat_one	arrow clockwise once
▶️	play button	arrow_forward play	right triangle
⏩	fast-forward button	fast_forward	arrow double
⏭️	next track button	black_right_pointing_double_triangle_with_vertical_bar next_track	arrow scene
⏯️	play or pause button	black_right_pointing_triangle_with_double_vertical_bar play_pause	arrow
◀️	reverse button	arrow_backward reverse	left triangle
⏪	fast reverse button	rewind fast_reverse	arrow double
⏮️	last track button	previous_track_button black_left_pointing_double_triangle_with_vertical_bar previous_track	arrow scene
🔼	upwards button	arrow_up_small up	red
⏫	fast up button	arrow_double_up fast_up	
🔽	downwards button	arrow_down_small down	red
⏬	fast down button	arrow_double_down fast_down	
⏸️	pause button	double_vertical_bar pause	
⏹️	stop button	black_square_for_stop stop	
⏺️	record button	black_circle_for_record record	
⏏️	eject button	eject	
🎦	cinema		camera film movie
🔅	dim button	low_brightness	
🔆	bright button	high_brightness	light
📶	antenna bars	signal_strength	bar cell communication mobile phone telephone
@15
🛜	wireless		broadband computer connectivity hotspot internet network
@12
📳	vibration mode		cell communication mobile phone telephone
📴	mobile phone off		cell telephone
♀️	female sign	female	woman
♂️	male sign	male	man
@13
⚧️	transgender symbol		
@12
✖️	multiply	heavy_multiplication_x multiplication	cancel sign ×
➕	plus	heavy_plus_sign	+
➖	minus	heavy_minus_sign	- math −
➗	divide	heavy_division_sign division	math ÷
@14
🟰	heavy equals sign		answer equal equality math
@12
♾️	infinity		forever unbounded universal
‼️	double exclamation mark	bangbang double_exclamation	! !! punctuation
⁉️	exclamation question mark	interrobang exclamation_question	! !? ? punctuation
❓	red question mark	question	? punctuation
❔	white question mark	grey_question white_question	? outlined punctuation
❕	white exclamation mark	grey_exclamation white_exclamation	! outlined punctuation
❗	red exclamation mark	exclamation heavy_exclamation_mark	! punctuation
〰️	wavy dash		punctuation
💱	currency exchange		bank money
💲	heavy dollar sign		billion cash charge currency million money
⚕️	medical symbol	staff_of_aesculapius medical	medicine
♻️	recycling symbol	recycle	
⚜️	fleur-de-lis		knights
🔱	trident emblem	trident	anchor poseidon ship tool
📛	name badge		
🔰	Japanese symbol for beginner	beginner	chevron green japanese leaf tool yellow
⭕	hollow red circle	o red_o	heavy large
✅	check mark button	white_check_mark	checked checkmark complete completed done fixed
☑️	check box with check	ballot_box_with_check	checked done off tick ✓
✔️	check mark	heavy_check_mark	checked checkmark done tick ✓
❌	cross mark	x	cancel multiplication multiply ×
❎	cross mark button	negative_squared_cross_mark	multiplication multiply square x ×
➰	curly loop		curl
➿	double curly loop	loop	curl
〽️	part alternation mark		
✳️	eight-spoked asterisk		*
✴️	eight-pointed star	eight_pointed_black_star	*
❇️	sparkle		*
©️	copyright		c
®️	registered		r
™️	trade mark	tm	trademark
@16
🫟	splatter		drip holi ink liquid mess paint
@12
#️⃣	keycap: #	hash number_sign	keycap
*️⃣	keycap: *	asterisk keycap_star	
0️⃣	keycap: 0	zero	keycap
1️⃣	keycap: 1	one	keycap
2️⃣	keycap: 2	two	keycap
3️⃣	keycap: 3	three	keycap
4️⃣	keycap: 4	four	keycap
5️⃣	keycap: 5	five	keycap
6️⃣	keycap: 6	six	keycap
7️⃣	keycap: 7	seven	keycap
8️⃣	keycap: 8	eight	keycap
9️⃣	keycap: 9	nine	keycap
🔟	keycap: 10	keycap_ten ten	
🔠	input latin uppercase	capital_abcd	letters
🔡	input latin lowercase	abcd	letters
🔢	input numbers	1234	
🔣	input symbols	symbols	% & ♪ 〒
🔤	input latin letters	abc	alphabet
🅰️	A button (blood type)	a a_blood	type
🆎	AB button (blood type)	ab ab_blood	type
🅱️	B button (blood type)	b b_blood	type
🆑	CL button	cl	
🆒	COOL button	cool	
🆓	FREE button	free	
ℹ️	information	information_source info	i
🆔	ID button	id	identity
Ⓜ️	circled M	m	circle
🆕	NEW button	new	
🆖	NG button	ng	
🅾️	O button (blood type)	o2 o o_blood	type
🆗	OK button	ok	okay
🅿️	P button	parking	p
🆘	SOS button	sos	help
🆙	UP! button	up up2	mark up!
🆚	VS button	vs	versus
🈁	Japanese “here” button	koko ja_here	japanese katakana
🈂️	Japanese “service charge” button	sa ja_service_charge	japanese katakana
🈷️	Japanese “monthly amount” button	u6708 ja_monthly_amount	ideograph japanese
🈶	Japanese “not free of charge” button	u6709 ja_not_free_of_carge	charge ideograph japanese
🈯	Japanese “reserved” button	u6307 ja_reserved	ideograph japanese
🉐	Japanese “bargain” button	ideograph_advantage ja_bargain	japanese
🈹	Japanese “discount” button	u5272 ja_discount	ideograph japanese
🈚	Japanese “free of charge” button	u7121 ja_free_of_charge	ideograph japanese
🈲	Japanese “prohibited” button	u7981 ja_prohibited	ideograph japanese
🉑	Japanese “acceptable” button	accept ja_acceptable	ideograph japanese
🈸	Japanese “application” button	u7533 ja_application	ideograph japanese
🈴	Japanese “passing grade” button	u5408 ja_passing_grade	ideograph japanese
🈳	Japanese “vacancy” button	u7a7a ja_vacancy	ideograph japanese
㊗️	Japanese “congratulations” button	congratulations ja_congratulations	ideograph japanese
㊙️	Japanese “secret” button	secret ja_secret	ideograph japanese
🈺	Japanese “open for business” button	u55b6 ja_open_for_business	ideograph japanese
🈵	Japanese “no vacancy” button	u6e80 ja_no_vacancy	ideograph japanese
🔴	red circle		geometric
🟠	orange circle	large_orange_circle	
🟡	yellow circle	large_yellow_circle	
🟢	green circle	large_green_circle	
🔵	blue circle	large_blue_circle	geometric
🟣	purple circle	large_purple_circle	
🟤	brown circle	large_brown_circle	
⚫	black circle		geometric
⚪	white circle		geometric
🟥	red square	large_red_square	card penalty
🟧	orange square	large_orange_square	
🟨	yellow square	large_yellow_square	card penalty
🟩	green square	large_green_square	
🟦	blue square	large_blue_square	
🟪	purple square	large_purple_square	
🟫	brown square	large_brown_square	
⬛	black large square		geometric
⬜	white large square		geometric
◼️	black medium square		geometric
◻️	white medium square		geometric
◾	black medium-small square		geometric
◽	white medium-small square		geometric
▪️	black small square		geometric
▫️	white small square		geometric
🔶	large orange diamond		geometric
🔷	large blue diamond		geometric
🔸	small orange diamond		geometric
🔹	small blue diamond		geometric
🔺	red triangle pointed up	small_red_triangle	geometric
🔻	red triangle pointed down	small_red_triangle_down	geometric
💠	diamond with a dot	diamond_shape_with_a_dot_inside	comic geometric
🔘	radio button		geometric
🔳	white square button		geometric outlined
🔲	black square button		geometric
#flags
🏁	chequered flag	checkered_flag	finish flags game race racing sport
🚩	triangular flag	triangular_flag_on_post	construction golf
🎌	crossed flags		celebration cross japanese
🏴	black flag	waving_black_flag	
🏳️	white flag	waving_white_flag	
🏳️‍🌈	rainbow flag		bisexual gay genderqueer glbt glbtq lesbian
@13
🏳️‍⚧️	transgender flag		blue light pink white
@12
🏴‍☠️	pirate flag	jolly_roger	plunder treasure
🇦🇨	flag: Ascension Island	ascension_island flag_ac	AC
🇦🇩	flag: Andorra	andorra flag_ad	AD
🇦🇪	flag: United Arab Emirates	united_arab_emirates flag_ae	AE
🇦🇫	flag: Afghanistan	afghanistan flag_af	AF
🇦🇬	flag: Antigua & Barbuda	antigua_barbuda flag_ag	AG
🇦🇮	flag: Anguilla	anguilla flag_ai	AI
🇦🇱	flag: Albania	albania flag_al	AL
🇦🇲	flag: Armenia	armenia flag_am	AM
🇦🇴	flag: Angola	angola flag_ao	AO
🇦🇶	flag: Antarctica	antarctica flag_aq	AQ
🇦🇷	flag: Argentina	argentina flag_ar	AR
🇦🇸	flag: American Samoa	american_samoa flag_as	AS
🇦🇹	flag: Austria	austria flag_at	AT
🇦🇺	flag: Australia	australia flag_au	AU
🇦🇼	flag: Aruba	aruba flag_aw	AW
🇦🇽	flag: Åland Islands	aland_islands flag_ax	AX
🇦🇿	flag: Azerbaijan	azerbaijan flag_az	AZ
🇧🇦	flag: Bosnia & Herzegovina	bosnia_herzegovina flag_ba	BA
🇧🇧	flag: Barbados	barbados flag_bb	BB
🇧🇩	flag: Bangladesh	bangladesh flag_bd	BD
🇧🇪	flag: Belgium	belgium flag_be	BE
🇧🇫	flag: Burkina Faso	burkina_faso flag_bf	BF
🇧🇬	flag: Bulgaria	bulgaria flag_bg	BG
🇧🇭	flag: Bahrain	bahrain flag_bh	BH
🇧🇮	flag: Burundi	burundi flag_bi	BI
🇧🇯	flag: Benin	benin flag_bj	BJ
🇧🇱	flag: St. Barthélemy	st_barthelemy flag_bl	BL
🇧🇲	flag: Bermuda	bermuda flag_bm	BM
🇧🇳	flag: Brunei	brunei flag_bn	BN
🇧🇴	flag: Bolivia	bolivia flag_bo	BO
🇧🇶	flag: Caribbean Netherlands	caribbean_netherlands flag_bq	BQ
🇧🇷	flag: Brazil	brazil flag_br	BR
🇧🇸	flag: Bahamas	bahamas flag_bs	BS
🇧🇹	flag: Bhutan	bhutan flag_bt	BT
🇧🇻	flag: Bouvet Island	bouvet_island flag_bv	BV
🇧🇼	flag: Botswana	botswana flag_bw	BW
🇧🇾	flag: Belarus	belarus flag_by	BY
🇧🇿	flag: Belize	belize flag_bz	BZ
🇨🇦	flag: Canada	canada flag_ca	CA
🇨🇨	flag: Cocos (Keeling) Islands	cocos_islands flag_cc	CC
🇨🇩	flag: Congo - Kinshasa	congo_kinshasa flag_cd	CD
🇨🇫	flag: Central African Republic	central_african_republic flag_cf	CF
🇨🇬	flag: Congo - Brazzaville	congo_brazzaville flag_cg	CG
🇨🇭	flag: Switzerland	switzerland flag_ch	CH
🇨🇮	flag: Côte d’Ivoire	cote_divoire flag_ci	CI
🇨🇰	flag: Cook Islands	cook_islands flag_ck	CK
🇨🇱	flag: Chile	chile flag_cl	CL
🇨🇲	flag: Cameroon	cameroon flag_cm	CM
🇨🇳	flag: China	cn flag_cn china	CN
🇨🇴	flag: Colombia	colombia flag_co	CO
🇨🇵	flag: Clipperton Island	clipperton_island flag_cp	CP
@16
🇨🇶	flag: Sark	flag_cq sark	CQ
@12
🇨🇷	flag: Costa Rica	costa_rica flag_cr	CR
🇨🇺	flag: Cuba	cuba flag_cu	CU
🇨🇻	flag: Cape Verde	cape_verde flag_cv	CV
🇨🇼	flag: Curaçao	curacao flag_cw	CW
🇨🇽	flag: Christmas Island	christmas_island flag_cx	CX
🇨🇾	flag: Cyprus	cyprus flag_cy	CY
🇨🇿	flag: Czechia	czech_republic flag_cz czechia	CZ
🇩🇪	flag: Germany	de flag_de germany	DE
🇩🇬	flag: Diego Garcia	diego_garcia flag_dg	DG
🇩🇯	flag: Djibouti	djibouti flag_dj	DJ
🇩🇰	flag: Denmark	denmark flag_dk	DK
🇩🇲	flag: Dominica	dominica flag_dm	DM
🇩🇴	flag: Dominican Republic	dominican_republic flag_do	DO
🇩🇿	flag: Algeria	algeria flag_dz	DZ
🇪🇦	flag: Ceuta & Melilla	ceuta_melilla flag_ea	EA
🇪🇨	flag: Ecuador	ecuador flag_ec	EC
🇪🇪	flag: Estonia	estonia flag_ee	EE
🇪🇬	flag: Egypt	egypt flag_eg	EG
🇪🇭	flag: Western Sahara	western_sahara flag_eh	EH
🇪🇷	flag: Eritrea	eritrea flag_er	ER
🇪🇸	flag: Spain	es flag_es spain	ES
🇪🇹	flag: Ethiopia	ethiopia flag_et	ET
🇪🇺	flag: European Union	eu european_union flag_eu	EU
🇫🇮	flag: Finland	finland flag_fi	FI
🇫🇯	flag: Fiji	fiji flag_fj	FJ
🇫🇰	flag: Falkland Islands	falkland_islands flag_fk	FK
🇫🇲	flag: Micronesia	micronesia flag_fm	FM
🇫🇴	flag: Faroe Islands	faroe_islands flag_fo	FO
🇫🇷	flag: France	fr flag_fr france	FR
🇬🇦	flag: Gabon	gabon flag_ga	GA
🇬🇧	flag: United Kingdom	gb uk flag_gb united_kingdom	GB
🇬🇩	flag: Grenada	grenada flag_gd	GD
🇬🇪	flag: Georgia	georgia flag_ge	GE
🇬🇫	flag: French Guiana	french_guiana flag_gf	GF
🇬🇬	flag: Guernsey	guernsey flag_gg	GG
🇬🇭	flag: Ghana	ghana flag_gh	GH
🇬🇮	flag: Gibraltar	gibraltar flag_gi	GI
🇬🇱	flag: Greenland	greenland flag_gl	GL
🇬🇲	flag: Gambia	gambia flag_gm	GM
🇬🇳	flag: Guinea	guinea flag_gn	GN
🇬🇵	flag: Guadeloupe	guadeloupe flag_gp	GP
🇬🇶	flag: Equatorial Guinea	equatorial_guinea flag_gq	GQ
🇬🇷	flag: Greece	greece flag_gr	GR
🇬🇸	flag: South Georgia & South Sandwich Islands	south_georgia_south_sandwich_islands flag_gs	GS
🇬🇹	flag: Guatemala	guatemala flag_gt	GT
🇬🇺	flag: Guam	guam flag_gu	GU
🇬🇼	flag: Guinea-Bissau	guinea_bissau flag_gw	GW
🇬🇾	flag: Guyana	guyana flag_gy	GY
🇭🇰	flag: Hong Kong SAR China	hong_kong flag_hk	HK
🇭🇲	flag: Heard & McDonald Islands	heard_mcdonald_islands flag_hm	HM
🇭🇳	flag: Honduras	honduras flag_hn	HN
🇭🇷	flag: Croatia	croatia flag_hr	HR
🇭🇹	flag: Haiti	haiti flag_ht	HT
🇭🇺	flag: Hungary	hungary flag_hu	HU
🇮🇨	flag: Canary Islands	canary_islands flag_ic	IC
🇮🇩	flag: Indonesia	indonesia flag_id	ID
🇮🇪	flag: Ireland	ireland flag_ie	IE
🇮🇱	flag: Israel	israel flag_il	IL
🇮🇲	flag: Isle of Man	isle_of_man flag_im	IM
🇮🇳	flag: India	india flag_in	IN
🇮🇴	flag: British Indian Ocean Territory	british_indian_ocean_territory flag_io	IO
🇮🇶	flag: Iraq	iraq flag_iq	IQ
🇮🇷	flag: Iran	iran flag_ir	IR
🇮🇸	flag: Iceland	iceland flag_is	IS
🇮🇹	flag: Italy	it flag_it italy	IT
🇯🇪	flag: Jersey	jersey flag_je	JE
🇯🇲	flag: Jamaica	jamaica flag_jm	JM
🇯🇴	flag: Jordan	jordan flag_jo	JO
🇯🇵	flag: Japan	jp flag_jp japan	JP
🇰🇪	flag: Kenya	kenya flag_ke	KE
🇰🇬	flag: Kyrgyzstan	kyrgyzstan flag_kg	KG
🇰🇭	flag: Cambodia	cambodia flag_kh	KH
🇰🇮	flag: Kiribati	kiribati flag_ki	KI
🇰🇲	flag: Comoros	comoros flag_km	KM
🇰🇳	flag: St. Kitts & Nevis	st_kitts_nevis flag_kn	KN
🇰🇵	flag: North Korea	north_korea flag_kp	KP
🇰🇷	flag: South Korea	kr flag_kr south_korea	KR
🇰🇼	flag: Kuwait	kuwait flag_kw	KW
🇰🇾	flag: Cayman Islands	cayman_islands flag_ky	KY
🇰🇿	flag: Kazakhstan	kazakhstan flag_kz	KZ
🇱🇦	flag: Laos	laos flag_la	LA
🇱🇧	flag: Lebanon	lebanon flag_lb	LB
🇱🇨	flag: St. Lucia	st_lucia flag_lc	LC
🇱🇮	flag: Liechtenstein	liechtenstein flag_li	LI
🇱🇰	flag: Sri Lanka	sri_lanka flag_lk	LK
🇱🇷	flag: Liberia	liberia flag_lr	LR
🇱🇸	flag: Lesotho	lesotho flag_ls	LS
🇱🇹	flag: Lithuania	lithuania flag_lt	LT
🇱🇺	flag: Luxembourg	luxembourg flag_lu	LU
🇱🇻	flag: Latvia	latvia flag_lv	LV
🇱🇾	flag: Libya	libya flag_ly	LY
🇲🇦	flag: Morocco	morocco flag_ma	MA
🇲🇨	flag: Monaco	monaco flag_mc	MC
🇲🇩	flag: Moldova	moldova flag_md	MD
🇲🇪	flag: Montenegro	montenegro flag_me	ME
🇲🇫	flag: St. Martin	st_martin flag_mf	MF
🇲🇬	flag: Madagascar	madagascar flag_mg	MG
🇲🇭	flag: Marshall Islands	marshall_islands flag_mh	MH
🇲🇰	flag: North Macedonia	macedonia flag_mk	MK
🇲🇱	flag: Mali	mali flag_ml	ML
🇲🇲	flag: Myanmar (Burma)	myanmar flag_mm burma	MM
🇲🇳	flag: Mongolia	mongolia flag_mn	MN
🇲🇴	flag: Macao SAR China	macau flag_mo macao	MO
🇲🇵	flag: Northern Mariana Islands	northern_mariana_islands flag_mp	MP
🇲🇶	flag: Martinique	martinique flag_mq	MQ
🇲🇷	flag: Mauritania	mauritania flag_mr	MR
🇲🇸	flag: Montserrat	montserrat flag_ms	MS
🇲🇹	flag: Malta	malta flag_mt	MT
🇲🇺	flag: Mauritius	mauritius flag_mu	MU
🇲🇻	flag: Maldives	maldives flag_mv	MV
🇲🇼	flag: Malawi	malawi flag_mw	MW
🇲🇽	flag: Mexico	mexico flag_mx	MX
🇲🇾	flag: Malaysia	malaysia flag_my	MY
🇲🇿	flag: Mozambique	mozambique flag_mz	MZ
🇳🇦	flag: Namibia	namibia flag_na	NA
🇳🇨	flag: New Caledonia	new_caledonia flag_nc	NC
🇳🇪	flag: Niger	niger flag_ne	NE
🇳🇫	flag: Norfolk Island	norfolk_island flag_nf	NF
🇳🇬	flag: Nigeria	nigeria flag_ng	NG
🇳🇮	flag: Nicaragua	nicaragua flag_ni	NI
🇳🇱	flag: Netherlands	netherlands flag_nl	NL
🇳🇴	flag: Norway	norway flag_no	NO
🇳🇵	flag: Nepal	nepal flag_np	NP
🇳🇷	flag: Nauru	nauru flag_nr	NR
🇳🇺	flag: Niue	niue flag_nu	NU
🇳🇿	flag: New Zealand	new_zealand flag_nz	NZ
🇴🇲	flag: Oman	oman flag_om	OM
🇵🇦	flag: Panama	panama flag_pa	PA
🇵🇪	flag: Peru	peru flag_pe	PE
🇵🇫	flag: French Polynesia	french_polynesia flag_pf	PF
🇵🇬	flag: Papua New Guinea	papua_new_guinea flag_pg	PG
🇵🇭	flag: Philippines	philippines flag_ph	PH
🇵🇰	flag: Pakistan	pakistan flag_pk	PK
🇵🇱	flag: Poland	poland flag_pl	PL
🇵🇲	flag: St. Pierre & Miquelon	st_pierre_miquelon flag_pm	PM
🇵🇳	flag: Pitcairn Islands	pitcairn_islands flag_pn	PN
🇵🇷	flag: Puerto Rico	puerto_rico flag_pr	PR
🇵🇸	flag: Palestinian Territories	palestinian_territories flag_ps	PS
🇵🇹	flag: Portugal	portugal flag_pt	PT
🇵🇼	flag: Palau	palau flag_pw	PW
🇵🇾	flag: Paraguay	paraguay flag_py	PY
🇶🇦	flag: Qatar	qatar flag_qa	QA
🇷🇪	flag: Réunion	reunion flag_re	RE
🇷🇴	flag: Romania	romania flag_ro	RO
🇷🇸	flag: Serbia	serbia flag_rs	RS
🇷🇺	flag: Russia	ru flag_ru russia	RU
🇷🇼	flag: Rwanda	rwanda flag_rw	RW
🇸🇦	flag: Saudi Arabia	saudi_arabia flag_sa	SA
🇸🇧	flag: Solomon Islands	solomon_islands flag_sb	SB
🇸🇨	flag: Seychelles	seychelles flag_sc	SC
🇸🇩	flag: Sudan	sudan flag_sd	SD
🇸🇪	flag: Sweden	sweden flag_se	SE
🇸🇬	flag: Singapore	singapore flag_sg	SG
🇸🇭	flag: St. Helena	st_helena flag_sh	SH
🇸🇮	flag: Slovenia	slovenia flag_si	SI
🇸🇯	flag: Svalbard & Jan Mayen	svalbard_jan_mayen flag_sj	SJ
🇸🇰	flag: Slovakia	slovakia flag_sk	SK
🇸🇱	flag: Sierra Leone	sierra_leone flag_sl	SL
🇸🇲	flag: San Marino	san_marino flag_sm	SM
🇸🇳	flag: Senegal	senegal flag_sn	SN
🇸🇴	flag: Somalia	somalia flag_so	SO
🇸🇷	flag: Suriname	suriname flag_sr	SR
🇸🇸	flag: South Sudan	south_sudan flag_ss	SS
🇸🇹	flag: São Tomé & Príncipe	sao_tome_principe flag_st	ST
🇸🇻	flag: El Salvador	el_salvador flag_sv	SV
🇸🇽	flag: Sint Maarten	sint_maarten flag_sx	SX
🇸🇾	flag: Syria	syria flag_sy	SY
🇸🇿	flag: Eswatini	swaziland flag_sz eswatini	SZ
🇹🇦	flag: Tristan da Cunha	tristan_da_cunha flag_ta	TA
🇹🇨	flag: Turks & Caicos Islands	turks_caicos_islands flag_tc	TC
🇹🇩	flag: Chad	chad flag_td	TD
🇹🇫	flag: French Southern Territories	french_southern_territories flag_tf	TF
🇹🇬	flag: Togo	togo flag_tg	TG
🇹🇭	flag: Thailand	thailand flag_th	TH
🇹🇯	flag: Tajikistan	tajikistan flag_tj	TJ
🇹🇰	flag: Tokelau	tokelau flag_tk	TK
🇹🇱	flag: Timor-Leste	timor_leste flag_tl	TL
🇹🇲	flag: Turkmenistan	turkmenistan flag_tm	TM
🇹🇳	flag: Tunisia	tunisia flag_tn	TN
🇹🇴	flag: Tonga	tonga flag_to	TO
🇹🇷	flag: Türkiye	tr flag_tr turkey_tr	TR
🇹🇹	flag: Trinidad & Tobago	trinidad_tobago flag_tt	TT
🇹🇻	flag: Tuvalu	tuvalu flag_tv	TV
🇹🇼	flag: Taiwan	taiwan flag_tw	TW
🇹🇿	flag: Tanzania	tanzania flag_tz	TZ
🇺🇦	flag: Ukraine	ukraine flag_ua	UA
🇺🇬	flag: Uganda	uganda flag_ug	UG
🇺🇲	flag: U.S. Outlying Islands	us_outlying_islands flag_um	UM
🇺🇳	flag: United Nations	united_nations flag_un un	UN
🇺🇸	flag: United States	us flag_us united_states usa	US
🇺🇾	flag: Uruguay	uruguay flag_uy	UY
🇺🇿	flag: Uzbekistan	uzbekistan flag_uz	UZ
🇻🇦	flag: Vatican City	vatican_city flag_va	VA
🇻🇨	flag: St. Vincent & Grenadines	st_vincent_grenadines flag_vc	VC
🇻🇪	flag: Venezuela	venezuela flag_ve	VE
🇻🇬	flag: British Virgin Islands	british_virgin_islands flag_vg	VG
🇻🇮	flag: U.S. Virgin Islands	us_virgin_islands flag_vi	VI
🇻🇳	flag: Vietnam	vietnam flag_vn	VN
🇻🇺	flag: Vanuatu	vanuatu flag_vu	VU
🇼🇫	flag: Wallis & Futuna	wallis_futuna flag_wf	WF
🇼🇸	flag: Samoa	samoa flag_ws	WS
🇽🇰	flag: Kosovo	kosovo flag_xk	XK
🇾🇪	flag: Yemen	yemen flag_ye	YE
🇾🇹	flag: Mayotte	mayotte flag_yt	YT
🇿🇦	flag: South Africa	south_africa flag_za	ZA
🇿🇲	flag: Zambia	zambia flag_zm	ZM
🇿🇼	flag: Zimbabwe	zimbabwe flag_zw	ZW
🏴󠁧󠁢󠁥󠁮󠁧󠁿	flag: England	england flag_gbeng	
🏴󠁧󠁢󠁳󠁣󠁴󠁿	flag: Scotland	scotland flag_gbsct	
🏴󠁧󠁢󠁷󠁬󠁳󠁿	flag: Wales	wales flag_gbwls	`;
