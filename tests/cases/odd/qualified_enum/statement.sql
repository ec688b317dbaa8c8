-- contacts
SELECT t0.mood::text, t0.moods::text[], t0.shade::text FROM public.v_contact t0 WHERE t0.mood = $1::text::crm.mood AND t0.moods::crm.mood[] @> $2::text[]::crm.mood[] AND t0.shade = $3::text::shade;
--   $1 = Text("happy")
--   $2 = Texts([Some("happy")])
--   $3 = Text("dark")
