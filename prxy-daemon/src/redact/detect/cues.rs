//! The words around names, companies and streets, in nine languages.
//!
//! Not for names themselves: those are the files in `lexicon/`.

use super::lexicon::*;

/// What each word tells; folded like all others.
pub(super) const LISTS: &[(Class, &str)] = &[
    (
        TITLE,
        "mr mrs ms miss mx dr drs doctor prof professor madam sir dame rev reverend fr herr herrn frau fräulein \
        mag ing dipl med phil jur habil mme mmes mlle monsieur madame mademoiselle mgr maître señor señora señorita sr sra srta don doña \
        doctora dra lic sig signor signora signorina sigra dott dottssa dottoressa dottor avv geom rag \
        meneer mevrouw mevr mw dhr heer jonkheer dña dom soussigné soussignée pan pani panie paniu pana panem panu panią panna senhor senhora dona eng sig.ra \
        dottore doutor doutora hhj",
    ),
    (
        ROLE,
        "judge justice captain capt colonel col major general gen sergeant sgt lieutenant lt officer president chancellor \
        senator sen governor gov councillor mayor minister sister brother father mother pastor rabbi imam coach uncle aunt auntie \
        grandma grandpa nurse inspector detective agent attorney counsel lord lady king queen prince princess pope saint \
        patient patientin patiente patiënt patiënte pacjent pacjentka pacjenta paciente paziente client clienta cliente klient klientka kunde kundin klant \
        mieter mieterin vermieter vermieterin tenant landlord plaintiff defendant claimant respondent petitioner appellant witness kläger klägerin beklagter beklagte \
        kollege kollegin kollegen familie nachbar nachbarin professorin arzt ärztin rechtsanwalt rechtsanwältin anwalt schwester notar notarin chefarzt oberarzt \
        docteur docteure avocat avocate colleague employee manager supervisor teacher student lekarz mecenas panstwo doktor \
        mitarbeiter mitarbeiterin erbe erblasser zeuge zeugin testator decedent insured policyholder applicant pc constable dci carer \
        daughter wife husband grandson granddaughter niece nephew pt \
        bruder ehefrau ehemann sohn tochter mutter vater oma opa onkel tante nichte neffe enkel enkelin freundin freund partnerin verlobte verlobter \
        tochter witwe witwer gatte gattin betreuer betreuerin pflegekraft zeugen testigo testimone świadek getuige testemunha témoin",
    ),
    (
        SALUTE,
        "sure dear hi hello hey hiya greetings morning afternoon evening hallo liebe lieber liebes hi moin servus sehr grüezi bonjour bonsoir salut cher chère coucou \
        hola estimado estimada querido querida apreciado apreciada ciao caro cara gentile gentilissima gentilissimo egregio egregia salve buongiorno buonasera \
        beste geachte hoi dag goedemorgen goedemiddag lieve cześć witaj drogi droga szanowny szanowna kochany kochana \
        olá oi prezado prezada buenos buenas bom boa good guten thanks thank danke merci gracias grazie obrigado obrigada bedankt dziękuję dzięki sorry welcome",
    ),
    (
        CLOSE,
        "regards sincerely cheers best kind warm warmest yours thanks thank respectfully cordially faithfully love many with signed warmly \
        grüße gruß grüßen mfg viele liebe mit beste herzliche herzlichst freundliche schöne hochachtungsvoll lg vg \
        cordialement bien sincères respectueusement amicalement bises bisous veuillez salutations merci avec \
        saludos atentamente cordialmente un abrazo besos atte reciba gracias saluti cordiali distinti tanti grazie ossequi baci \
        groet groeten groetjes met hoogachtend vriendelijke hartelijke liefs \
        pozdrawiam pozdrowienia serdecznie serdeczne z łączę uściski szacunkiem wyrazami atenciosamente abraço abraços obrigado obrigada cumprimentos melhores com beijos sem",
    ),
    (
        LEGAL,
        "inc llc llp ltd limited plc corp corporation incorporated gmbh mbh ag kg kgaa ohg gbr ug ek ev se sarl sas sasu eurl snc sci scop srl spa sapa bv nv vof cv \
        spzoo oyj oy ab aps as asa sa sl slu slp sau lda ltda eireli epp unipessoal pty pte bhd kft zrt sro doo gesmbh stiftung",
    ),
    (
        KIND,
        "university college hospital clinic klinikum klinik krankenhaus universität universitätsklinikum hochschule fachhochschule gymnasium grundschule realschule sparkasse volksbank raiffeisenbank \
        bank foundation institute institut école lycée hôpital clinique université banque fondation universidad hospital clínica banco fundación colegio instituto \
        università ospedale clinica banca fondazione istituto liceo policlinico universiteit ziekenhuis kliniek hogeschool huisartsenpraktijk uniwersytet szpital politechnika \
        przychodnia fundacja universidade faculdade fundação academy school associates partners holdings holding group consulting consultants solutions \
        industries enterprises ventures logistics pharmaceuticals pharma insurance versicherung versicherungen apotheke praxis zahnarztpraxis kanzlei ministry ministerium council committee agency \
        laboratory laboratories trust church museum library hotel center centre school kindergarten \
        practice surgery collège centro przedszkole szkoła stichting gesamtschule pflegeheim seniorenheim kita arztpraxis notariat steuerkanzlei \
        farmacia pharmacie farmácia apteka apotheek notaría gestoría kancelaria condominio kopieerwinkel bakkerij bäckerei boulangerie panadería solicitors builders \
        hospice orthodontics motors bakery \
        mutuelle caisse assurances seguros assicurazioni verzekeringen ubezpieczenia seguradora mutua krankenkasse genossenschaft verein gewerkschaft verband \
        asociación associação associazione vereniging stowarzyszenie cooperativa coopérative coöperatie spółdzielnia sindicato syndicat sindacato \
        autohaus reisebüro steuerberatung ingenieurbüro architekturbüro werkstatt tischlerei schreinerei druckerei brauerei metzgerei gärtnerei spedition maschinenbau stadtwerke wohnbau hausverwaltung \
        menuiserie plomberie imprimerie librairie ateliers brasserie mairie préfecture lycée maternelle \
        talleres bodegas transportes construcciones inmobiliaria ferretería imprenta librería ayuntamiento ambulatorio consultorio residencia \
        officina edilizia falegnameria tipografia libreria trattoria cantina autofficina ambulatorio \
        aannemersbedrijf makelaardij drukkerij garagebedrijf bouwbedrijf gemeente woningcorporatie basisschool \
        zakład hurtownia drukarnia piekarnia kancelaria wydawnictwo przedsiębiorstwo urząd gabinet \
        padaria construtora imobiliária livraria transportadora prefeitura clube laboratório colégio \
        advocacia advogados abogados avvocati avocats advocaten rechtsanwälte associados asociados \
        plumbing roofing landscaping realty therapeutics \
        catering",
    ),
    (
        STREET,
        "broadway kingsway queensway piccadilly strand esplanade embankment cheapside way walk row hill wharf green trail rise croft wynd brae vale mead ridge hollow pike crossing view alley ctra pza \
        street avenue ave road rd boulevard blvd lane drive court square terrace crescent parkway pkwy highway hwy circle close gardens grove mews rue via viale piazza piazzale corso \
        vicolo largo strada lungomare calle avenida avda plaza paseo carrer carretera ronda camino travesía glorieta rua av alameda travessa praça rodovia estrada ulica ul aleja aleje al osiedle os plac pl \
        bd chemin allée impasse quai cours place route passage square straße strasse str gasse weg platz allee damm ring ufer st dr ln ct pl",
    ),
    (
        TERM,
        "algorithm algorithms theorem lemma conjecture method methods transform transforms transformation machine machines distribution distributions disease syndrome test tests filter filters equation equations \
        law laws number numbers function functions matrix constant constants sequence series process model models effect principle paradox inequality integral space spaces curve curves \
        scale sign triangle coefficient estimator classifier network networks optimizer optimization regression sampling kernel code coding encoding cipher exchange protocol tree trees graph set problem product award prize \
        medal institute university college hospital airport street avenue road bridge park stadium museum library center centre hotel school foundation building tower hall island islands bay beach lake river mountain mount county city \
        verfahren satz krankheit syndrom algorithmus theorem test transformation verteilung preis straße platz brücke schule stiftung institut théorème maladie algorithme prix algoritmo teorema enfermedad premio \
        formula rule map gate gates diagram notation logic calculus mechanics geometry circuit cycle razor's razor bot api sdk framework library language compiler server cluster container containers engine plugin pipeline pipelines database \
        falls railway palsy lymphoma sarcoma contracture sign reflex thyroiditis anemia anaemia score criteria classification maneuver manoeuvre fracture tumor tumour catheter procedure palace square festival championship cup day fonts",
    ),
    (
        PARTICLE,
        "van von der den de la las los le du des del della delle dello degli di da do dos das dei zu zum zur vom bin ibn ben al el ter ten ver te y e af av san st mac d l o",
    ),
    (
        BEFORE,
        "with ask asked asking tell told telling contact contacted call called calling email emailed met meet meeting from by and for to thank thanks remind invite invited visit visited \
        saw know knows love married mit von bei fragt fragte frag traf und für an rief avec par pour et chez à demande con por para y a da per e con z od do dla i oraz com por e met voor aan en door bij van vraag \
        cc about hired hire fired see help say says that because when if told paging loop notify where but \
        carer caregiver colleague coworker teammate boss assistant neighbour neighbor roommate flatmate tutor therapist solicitor accountant nanny \
        collègue collega colega colleghi kolega koleżanka koledze ping pinged text texted phone phoned join joined than whether did does is was \
        ob dass wenn weil czy że si que dile dille hai as",
    ),
    (
        AFTER,
        "said says asked asks wrote writes called calls told tells will would has had is was wants wanted needs needed can could should may might went goes came left arrived works worked lives lived \
        thinks thought feels felt agreed replied reported mentioned noted joined signed sent received met born did does hat ist war sagt sagte schrieb schreibt fragte fragt wird möchte kann soll kommt ging wohnt arbeitet meint rief bat und \
        a est était dit demande et habite travaille veut peut doit es era dijo dice está tiene quiere puede va y è era ha detto dice vuole può abita lavora e is was zei zegt heeft wil kan moet woont werkt en \
        jest był była powiedział powiedziała mówi chce może ma i mieszka pracuje é era disse diz tem quer pode mora trabalha who whose aged picked started finished moved lost got takes took brought gave gives sits sat stopped forgot confirmed offered \
        suggested joins reports explained noticed describes described stated seems made tried shall",
    ),
    (
        NAMED,
        "heiße heisse heiss heet heette llamo llama chiamo chiama appelle nazywam chamo chama named namens genannt nommé nommée llamado llamada chamado chamada genaamd undersigned unterzeichnende unterzeichnete soussigné soussignée \
        sottoscritto sottoscritta firmante ondergetekende podpisany podpisana assinado assinada",
    ),
    (
        SELF,
        "am m bin suis soy sono ben jestem sou is ist es è é est się v vs versus patient byline author",
    ),
    (
        KIN,
        "husband wife son daughter brother sister mother father mom mum dad mommy mummy daddy aunt uncle cousin niece nephew grandmother grandfather grandma grandpa \
        granny grandson granddaughter stepson stepdaughter stepfather stepmother stepbrother stepsister girlfriend boyfriend fiancé fiancée friend widow widower twin spouse ex \
        mari femme épouse époux fils fille frère sœur mère père maman papa oncle tante cousine neveu nièce ami amie copain copine compagnon compagne \
        esposa esposo marido mujer hijo hija hermano hermana madre padre tío tía primo prima sobrino sobrina abuelo abuela novio novia amigo amiga cuñado cuñada suegra suegro nieto nieta \
        moglie marito figlio figlia fratello sorella zio zia cugino cugina nipote nonno nonna fidanzato fidanzata amico amica \
        vrouw man zoon dochter broer zus zusje moeder vader oom neef nicht opa oma vriend vriendin echtgenoot echtgenote \
        mąż żona syn córka brat siostra matka ojciec mama tata wujek ciocia babcia dziadek przyjaciel przyjaciółka narzeczony narzeczona mężem żoną synem córką bratem siostrą męża żony syna córki brata siostry \
        mulher filho filha irmão irmã mãe pai tio tia avó avô namorado namorada",
    ),
    (
        HUMAN,
        "ask asked asking tell told telling email emailed texted phoned met meet meeting thank thanked remind reminded invite invited married hired fired paging cc spoke talked chatted \
        said says wrote writes replied replies agreed thinks thought wants wanted mentioned lives lived works worked knows knew told phoned emailed forgot prefers promised insisted smiled laughed nodded \
        sagt sagte schrieb fragt fragte meint wohnt arbeitet demande dit habite travaille dijo dice quiere vive trabaja disse diz mora trabalha abita lavora zegt zei woont werkt powiedział powiedziała mówi mieszka pracuje",
    ),
    (POBOX, "box postfach postbus apartado skrytka casella bp"),
];
