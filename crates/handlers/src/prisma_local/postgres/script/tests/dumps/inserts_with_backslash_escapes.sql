--
-- PostgreSQL database dump
--

\restrict gWZtDA8RaKKecObscuzLP0iwNuBQHpKYpUuCkFXgwVcTLGjR1mffqai0ZN4Px0l

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = off;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET escape_string_warning = off;
SET row_security = off;

--
-- Name: odd "schema".x; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "odd ""schema"".x";


ALTER SCHEMA "odd ""schema"".x" OWNER TO postgres;

--
-- Name: mood; Type: TYPE; Schema: public; Owner: postgres
--

CREATE TYPE public.mood AS ENUM (
    'a''b',
    'c"d',
    '\\',
    'new
line',
    '$$'
);


ALTER TYPE public.mood OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: empty_table; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.empty_table (
    a integer
);


ALTER TABLE public.empty_table OWNER TO postgres;

--
-- Name: atomic(integer); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.atomic(a integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 INSERT INTO public.empty_table (a)
   VALUES (atomic.a);
 SELECT
         CASE
             WHEN (a > 1) THEN
             CASE a
                 WHEN 2 THEN 3
                 ELSE NULL::integer
             END
             ELSE
             CASE
                 WHEN (a < 0) THEN 4
                 ELSE NULL::integer
             END
         END AS "end";
 SELECT x."case"
    FROM ( SELECT 1 AS "case",
             2 AS begin) x
   WHERE (x.begin > 1);
END;


ALTER FUNCTION public.atomic(a integer) OWNER TO postgres;

--
-- Name: begin(integer, text); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.begin(a integer, b text) RETURNS integer
    LANGUAGE sql
    AS $$SELECT 1; /* 'COPY x (a) FROM stdin;
\.
*/$$;


ALTER FUNCTION public.begin(a integer, b text) OWNER TO postgres;

--
-- Name: dump_in_body(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.dump_in_body() RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN /*
  -- it's $$ $b$ "
  COPY public."User" (id) FROM stdin;
\.
--
-- PostgreSQL database dump complete
--

\unrestrict abc
*/ RETURN; END $_$;


ALTER FUNCTION public.dump_in_body() OWNER TO postgres;

--
-- Name: f$x(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public."f$x"() RETURNS text
    LANGUAGE sql
    AS $_X$ SELECT '$_$'::text $_X$;


ALTER FUNCTION public."f$x"() OWNER TO postgres;

--
-- Name: proc_atomic(integer); Type: PROCEDURE; Schema: public; Owner: postgres
--

CREATE PROCEDURE public.proc_atomic(IN a integer)
    LANGUAGE sql
    BEGIN ATOMIC
 DELETE FROM public.empty_table
   WHERE (empty_table.a = proc_atomic.a);
 UPDATE public.empty_table SET a = proc_atomic.a
   WHERE (empty_table.a > proc_atomic.a);
END;


ALTER PROCEDURE public.proc_atomic(IN a integer) OWNER TO postgres;

--
-- Name: ret(integer); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.ret(a integer) RETURNS integer
    LANGUAGE sql
    RETURN CASE WHEN (a > 1) THEN a ELSE 5 END;


ALTER FUNCTION public.ret(a integer) OWNER TO postgres;

--
-- Name: set_off(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.set_off() RETURNS text
    LANGUAGE sql
    SET standard_conforming_strings TO 'off'
    AS $$ SELECT 'x' $$;


ALTER FUNCTION public.set_off() OWNER TO postgres;

--
-- Name: agg(integer); Type: AGGREGATE; Schema: public; Owner: postgres
--

CREATE AGGREGATE public.agg(integer) (
    SFUNC = int4pl,
    STYPE = integer,
    INITCOND = '0'
);


ALTER AGGREGATE public.agg(integer) OWNER TO postgres;

--
-- Name: @-/; Type: OPERATOR; Schema: public; Owner: postgres
--

CREATE OPERATOR public.@-/ (
    FUNCTION = int4mi,
    LEFTARG = integer,
    RIGHTARG = integer
);


ALTER OPERATOR public.@-/ (integer, integer) OWNER TO postgres;

--
-- Name: t.a"b; -- 'x; Type: TABLE; Schema: odd "schema".x; Owner: postgres
--

CREATE TABLE "odd ""schema"".x"."t.a""b; -- 'x" (
    "c ol" integer,
    "from" integer,
    stdin integer,
    "select (" text
);


ALTER TABLE "odd ""schema"".x"."t.a""b; -- 'x" OWNER TO postgres;

--
-- Name: User; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."User" (
    id integer NOT NULL,
    "na""me" text,
    bio text,
    CONSTRAINT "chk'$$" CHECK ((bio <> 'a\\b''c'::text))
);


ALTER TABLE public."User" OWNER TO postgres;

--
-- Name: TABLE "User"; Type: COMMENT; Schema: public; Owner: postgres
--

COMMENT ON TABLE public."User" IS 'it''s
COPY public."User" (id) FROM stdin;
\\.

--
-- PostgreSQL database dump complete
--

\\unrestrict x
"\\';


--
-- Name: User_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public."User_id_seq"
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public."User_id_seq" OWNER TO postgres;

--
-- Name: User_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public."User_id_seq" OWNED BY public."User".id;


--
-- Name: after_all; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.after_all (
    a bytea,
    b jsonb,
    c text[]
);


ALTER TABLE public.after_all OWNER TO postgres;

--
-- Name: copy; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.copy (
    stdin text,
    "from" text
);


ALTER TABLE public.copy OWNER TO postgres;

--
-- Name: dollar$name; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."dollar$name" (
    "a$b" integer
);


ALTER TABLE public."dollar$name" OWNER TO postgres;

--
-- Name: new line; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."new
line" (
    a integer
);


ALTER TABLE public."new
line" OWNER TO postgres;

--
-- Name: nothing; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.nothing (
);


ALTER TABLE public.nothing OWNER TO postgres;

--
-- Name: one_text; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.one_text (
    t text
);


ALTER TABLE public.one_text OWNER TO postgres;

--
-- Name: parted; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted (
    a integer,
    b text
)
PARTITION BY RANGE (a);


ALTER TABLE public.parted OWNER TO postgres;

--
-- Name: parted_1; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_1 (
    a integer,
    b text
);


ALTER TABLE public.parted_1 OWNER TO postgres;

--
-- Name: parted_2; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_2 (
    a integer,
    b text
);


ALTER TABLE public.parted_2 OWNER TO postgres;

--
-- Name: table; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."table" (
    a integer
);


ALTER TABLE public."table" OWNER TO postgres;

--
-- Name: v; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.v AS
 SELECT 'COPY x (a) FROM stdin;
\\.
--
-- PostgreSQL database dump complete
--
'::text AS a,
    '/* it''s'::text AS b,
    1 AS "*/",
    (5 - '-3'::integer) AS minus,
    (6 / 2) AS slash,
    '\\'::text AS c,
    ('x'::text || '--'::text) AS "--";


ALTER TABLE public.v OWNER TO postgres;

--
-- Name: таблица_ü; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."таблица_ü" (
    a text
);


ALTER TABLE public."таблица_ü" OWNER TO postgres;

--
-- Name: parted_1; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_1 FOR VALUES FROM (0) TO (10);


--
-- Name: parted_2; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_2 FOR VALUES FROM (10) TO (20);


--
-- Name: User id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public."User" ALTER COLUMN id SET DEFAULT nextval('public."User_id_seq"'::regclass);


--
-- Name: 4242; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4242');


ALTER LARGE OBJECT 4242 OWNER TO postgres;

--
-- Name: 4243; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4243');


ALTER LARGE OBJECT 4243 OWNER TO postgres;

--
-- Data for Name: t.a"b; -- 'x; Type: TABLE DATA; Schema: odd "schema".x; Owner: postgres
--

INSERT INTO "odd ""schema"".x"."t.a""b; -- 'x" VALUES (1, 1, 1, '\\');
INSERT INTO "odd ""schema"".x"."t.a""b; -- 'x" VALUES (2, 2, 2, '\\');
INSERT INTO "odd ""schema"".x"."t.a""b; -- 'x" VALUES (3, 3, 3, '\\');
INSERT INTO "odd ""schema"".x"."t.a""b; -- 'x" VALUES (4, 4, 4, '\\');
INSERT INTO "odd ""schema"".x"."t.a""b; -- 'x" VALUES (5, 5, 5, '\\');


--
-- Data for Name: User; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."User" VALUES (1, 'a', 'line
COPY public."User" (id) FROM stdin;
\\.
more');
INSERT INTO public."User" VALUES (2, 'b', '\\.');
INSERT INTO public."User" VALUES (3, 'c', '\\\\.');
INSERT INTO public."User" VALUES (4, '	', NULL);
INSERT INTO public."User" VALUES (5, '', '');
INSERT INTO public."User" VALUES (6, NULL, NULL);
INSERT INTO public."User" VALUES (7, 'é🦀', '
\\N');


--
-- Data for Name: after_all; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.after_all VALUES ('\\x005c2e0a', '{"a\\\\.\\n": "é"}', '{"a,\\"b\\\\.",n}');


--
-- Data for Name: copy; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.copy VALUES ('a', 'b');


--
-- Data for Name: dollar$name; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."dollar$name" VALUES (1);


--
-- Data for Name: empty_table; Type: TABLE DATA; Schema: public; Owner: postgres
--



--
-- Data for Name: new line; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."new
line" VALUES (1);
INSERT INTO public."new
line" VALUES (2);


--
-- Data for Name: nothing; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.nothing DEFAULT VALUES;
INSERT INTO public.nothing DEFAULT VALUES;
INSERT INTO public.nothing DEFAULT VALUES;


--
-- Data for Name: one_text; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.one_text VALUES ('.');
INSERT INTO public.one_text VALUES ('\\');
INSERT INTO public.one_text VALUES ('\\.');
INSERT INTO public.one_text VALUES ('');
INSERT INTO public.one_text VALUES ('-- PostgreSQL database dump complete');
INSERT INTO public.one_text VALUES ('\\unrestrict x');
INSERT INTO public.one_text VALUES ('''');


--
-- Data for Name: parted_1; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.parted_1 VALUES (0, '0');
INSERT INTO public.parted_1 VALUES (1, '1');
INSERT INTO public.parted_1 VALUES (2, '2');
INSERT INTO public.parted_1 VALUES (3, '3');
INSERT INTO public.parted_1 VALUES (4, '4');
INSERT INTO public.parted_1 VALUES (5, '5');
INSERT INTO public.parted_1 VALUES (6, '6');
INSERT INTO public.parted_1 VALUES (7, '7');
INSERT INTO public.parted_1 VALUES (8, '8');
INSERT INTO public.parted_1 VALUES (9, '9');


--
-- Data for Name: parted_2; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.parted_2 VALUES (10, '10');
INSERT INTO public.parted_2 VALUES (11, '11');
INSERT INTO public.parted_2 VALUES (12, '12');
INSERT INTO public.parted_2 VALUES (13, '13');
INSERT INTO public.parted_2 VALUES (14, '14');
INSERT INTO public.parted_2 VALUES (15, '15');
INSERT INTO public.parted_2 VALUES (16, '16');
INSERT INTO public.parted_2 VALUES (17, '17');
INSERT INTO public.parted_2 VALUES (18, '18');
INSERT INTO public.parted_2 VALUES (19, '19');


--
-- Data for Name: table; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."table" VALUES (1);


--
-- Data for Name: таблица_ü; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."таблица_ü" VALUES ('$$');
INSERT INTO public."таблица_ü" VALUES ('$_$');


--
-- Name: User_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public."User_id_seq"', 7, true);


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('4242', 131072);
SELECT pg_catalog.lowrite(0, '\\x00ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c27');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('4243', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: User User_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public."User"
    ADD CONSTRAINT "User_pkey" PRIMARY KEY (id);


--
-- Name: empty_table two; Type: RULE; Schema: public; Owner: postgres
--

CREATE RULE two AS
    ON INSERT TO public.empty_table
   WHERE (new.a < 0) DO ( INSERT INTO public."table" (a)
  VALUES (1);
 DELETE FROM public."table"
  WHERE ("table".a = 7);
);


--
-- Name: User; Type: ROW SECURITY; Schema: public; Owner: postgres
--

ALTER TABLE public."User" ENABLE ROW LEVEL SECURITY;

--
-- Name: User p; Type: POLICY; Schema: public; Owner: postgres
--

CREATE POLICY p ON public."User" USING ((bio <> ';'::text));


--
-- Name: TABLE "User"; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public."User" TO "ro'le";


--
-- PostgreSQL database dump complete
--

\unrestrict gWZtDA8RaKKecObscuzLP0iwNuBQHpKYpUuCkFXgwVcTLGjR1mffqai0ZN4Px0l

