--
-- PostgreSQL database dump
--

\restrict hVjiXU2E5I0df1h5MDGioOJz7MbbYaoKkHH0WCSLb8Ph4BorYcyMHjqVR5BB9L9

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

-- Started on 2026-11-25 02:23:54 UTC

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

DROP DATABASE IF EXISTS nasty;
--
-- TOC entry 3440 (class 1262 OID 16801)
-- Name: nasty; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE nasty WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE nasty OWNER TO postgres;

\unrestrict hVjiXU2E5I0df1h5MDGioOJz7MbbYaoKkHH0WCSLb8Ph4BorYcyMHjqVR5BB9L9
\connect nasty
\restrict hVjiXU2E5I0df1h5MDGioOJz7MbbYaoKkHH0WCSLb8Ph4BorYcyMHjqVR5BB9L9

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- TOC entry 6 (class 2615 OID 16802)
-- Name: odd "schema".x; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "odd ""schema"".x";


ALTER SCHEMA "odd ""schema"".x" OWNER TO postgres;

--
-- TOC entry 893 (class 1247 OID 16860)
-- Name: mood; Type: TYPE; Schema: public; Owner: postgres
--

CREATE TYPE public.mood AS ENUM (
    'a''b',
    'c"d',
    '\',
    'new
line',
    '$$'
);


ALTER TYPE public.mood OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- TOC entry 219 (class 1259 OID 16820)
-- Name: empty_table; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.empty_table (
    a integer
);


ALTER TABLE public.empty_table OWNER TO postgres;

--
-- TOC entry 244 (class 1255 OID 16851)
-- Dependencies: 219
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
-- TOC entry 232 (class 1255 OID 16850)
-- Name: begin(integer, text); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.begin(a integer, b text) RETURNS integer
    LANGUAGE sql
    AS $$SELECT 1; /* 'COPY x (a) FROM stdin;
\.
*/$$;


ALTER FUNCTION public.begin(a integer, b text) OWNER TO postgres;

--
-- TOC entry 231 (class 1255 OID 16849)
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
-- TOC entry 247 (class 1255 OID 16883)
-- Name: f$x(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public."f$x"() RETURNS text
    LANGUAGE sql
    AS $_X$ SELECT '$_$'::text $_X$;


ALTER FUNCTION public."f$x"() OWNER TO postgres;

--
-- TOC entry 245 (class 1255 OID 16852)
-- Dependencies: 219
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
-- TOC entry 248 (class 1255 OID 16887)
-- Name: ret(integer); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.ret(a integer) RETURNS integer
    LANGUAGE sql
    RETURN CASE WHEN (a > 1) THEN a ELSE 5 END;


ALTER FUNCTION public.ret(a integer) OWNER TO postgres;

--
-- TOC entry 246 (class 1255 OID 16872)
-- Name: set_off(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.set_off() RETURNS text
    LANGUAGE sql
    SET standard_conforming_strings TO 'off'
    AS $$ SELECT 'x' $$;


ALTER FUNCTION public.set_off() OWNER TO postgres;

--
-- TOC entry 909 (class 1255 OID 16893)
-- Name: agg(integer); Type: AGGREGATE; Schema: public; Owner: postgres
--

CREATE AGGREGATE public.agg(integer) (
    SFUNC = int4pl,
    STYPE = integer,
    INITCOND = '0'
);


ALTER AGGREGATE public.agg(integer) OWNER TO postgres;

--
-- TOC entry 1709 (class 2617 OID 16858)
-- Name: @-/; Type: OPERATOR; Schema: public; Owner: postgres
--

CREATE OPERATOR public.@-/ (
    FUNCTION = int4mi,
    LEFTARG = integer,
    RIGHTARG = integer
);


ALTER OPERATOR public.@-/ (integer, integer) OWNER TO postgres;

--
-- TOC entry 217 (class 1259 OID 16812)
-- Dependencies: 6
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
-- TOC entry 216 (class 1259 OID 16804)
-- Name: User; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."User" (
    id integer NOT NULL,
    "na""me" text,
    bio text,
    CONSTRAINT "chk'$$" CHECK ((bio <> 'a\b''c'::text))
);


ALTER TABLE public."User" OWNER TO postgres;

--
-- TOC entry 3441 (class 0 OID 0)
-- Dependencies: 216
-- Name: TABLE "User"; Type: COMMENT; Schema: public; Owner: postgres
--

COMMENT ON TABLE public."User" IS 'it''s
COPY public."User" (id) FROM stdin;
\.

--
-- PostgreSQL database dump complete
--

\unrestrict x
"\';


--
-- TOC entry 215 (class 1259 OID 16803)
-- Dependencies: 216
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
-- TOC entry 3443 (class 0 OID 0)
-- Dependencies: 215
-- Name: User_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public."User_id_seq" OWNED BY public."User".id;


--
-- TOC entry 230 (class 1259 OID 16888)
-- Name: after_all; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.after_all (
    a bytea,
    b jsonb,
    c text[]
);


ALTER TABLE public.after_all OWNER TO postgres;

--
-- TOC entry 227 (class 1259 OID 16873)
-- Name: copy; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.copy (
    stdin text,
    "from" text
);


ALTER TABLE public.copy OWNER TO postgres;

--
-- TOC entry 229 (class 1259 OID 16884)
-- Name: dollar$name; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."dollar$name" (
    "a$b" integer
);


ALTER TABLE public."dollar$name" OWNER TO postgres;

--
-- TOC entry 228 (class 1259 OID 16878)
-- Name: new line; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."new
line" (
    a integer
);


ALTER TABLE public."new
line" OWNER TO postgres;

--
-- TOC entry 218 (class 1259 OID 16817)
-- Name: nothing; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.nothing (
);


ALTER TABLE public.nothing OWNER TO postgres;

--
-- TOC entry 221 (class 1259 OID 16826)
-- Name: one_text; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.one_text (
    t text
);


ALTER TABLE public.one_text OWNER TO postgres;

--
-- TOC entry 223 (class 1259 OID 16836)
-- Name: parted; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted (
    a integer,
    b text
)
PARTITION BY RANGE (a);


ALTER TABLE public.parted OWNER TO postgres;

--
-- TOC entry 224 (class 1259 OID 16839)
-- Dependencies: 223
-- Name: parted_1; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_1 (
    a integer,
    b text
);


ALTER TABLE public.parted_1 OWNER TO postgres;

--
-- TOC entry 225 (class 1259 OID 16844)
-- Dependencies: 223
-- Name: parted_2; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_2 (
    a integer,
    b text
);


ALTER TABLE public.parted_2 OWNER TO postgres;

--
-- TOC entry 220 (class 1259 OID 16823)
-- Name: table; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."table" (
    a integer
);


ALTER TABLE public."table" OWNER TO postgres;

--
-- TOC entry 226 (class 1259 OID 16854)
-- Name: v; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.v AS
 SELECT 'COPY x (a) FROM stdin;
\.
--
-- PostgreSQL database dump complete
--
'::text AS a,
    '/* it''s'::text AS b,
    1 AS "*/",
    (5 - '-3'::integer) AS minus,
    (6 / 2) AS slash,
    '\'::text AS c,
    ('x'::text || '--'::text) AS "--";


ALTER TABLE public.v OWNER TO postgres;

--
-- TOC entry 222 (class 1259 OID 16831)
-- Name: таблица_ü; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."таблица_ü" (
    a text
);


ALTER TABLE public."таблица_ü" OWNER TO postgres;

--
-- TOC entry 3266 (class 0 OID 0)
-- Dependencies: 224 223
-- Name: parted_1; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_1 FOR VALUES FROM (0) TO (10);


--
-- TOC entry 3267 (class 0 OID 0)
-- Dependencies: 225 223
-- Name: parted_2; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_2 FOR VALUES FROM (10) TO (20);


--
-- TOC entry 3268 (class 2604 OID 16807)
-- Dependencies: 216 215 216
-- Name: User id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public."User" ALTER COLUMN id SET DEFAULT nextval('public."User_id_seq"'::regclass);


--
-- TOC entry 3432 (class 2613 OID 4242)
-- Name: 4242; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4242');


ALTER LARGE OBJECT 4242 OWNER TO postgres;

--
-- TOC entry 3433 (class 2613 OID 4243)
-- Name: 4243; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4243');


ALTER LARGE OBJECT 4243 OWNER TO postgres;

--
-- TOC entry 3420 (class 0 OID 16812)
-- Dependencies: 217
-- Data for Name: t.a"b; -- 'x; Type: TABLE DATA; Schema: odd "schema".x; Owner: postgres
-- File: 3420.dat
--

COPY "odd ""schema"".x"."t.a""b; -- 'x" ("c ol", "from", stdin, "select (") FROM stdin;
1	1	1	\\
2	2	2	\\
3	3	3	\\
4	4	4	\\
5	5	5	\\
\.


--
-- TOC entry 3419 (class 0 OID 16804)
-- Dependencies: 216
-- Data for Name: User; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3419.dat
--

COPY public."User" (id, "na""me", bio) FROM stdin;
1	a	line\nCOPY public."User" (id) FROM stdin;\n\\.\nmore
2	b	\\.
3	c	\\\\.
4	\t	\N
5		
6	\N	\N
7	é🦀	\r\n\\N
\.


--
-- TOC entry 3431 (class 0 OID 16888)
-- Dependencies: 230
-- Data for Name: after_all; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3431.dat
--

COPY public.after_all (a, b, c) FROM stdin;
\\x005c2e0a	{"a\\\\.\\n": "é"}	{"a,\\"b\\\\.",n}
\.


--
-- TOC entry 3428 (class 0 OID 16873)
-- Dependencies: 227
-- Data for Name: copy; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3428.dat
--

COPY public.copy (stdin, "from") FROM stdin;
a	b
\.


--
-- TOC entry 3430 (class 0 OID 16884)
-- Dependencies: 229
-- Data for Name: dollar$name; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3430.dat
--

COPY public."dollar$name" ("a$b") FROM stdin;
1
\.


--
-- TOC entry 3422 (class 0 OID 16820)
-- Dependencies: 219
-- Data for Name: empty_table; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3422.dat
--

COPY public.empty_table (a) FROM stdin;
\.


--
-- TOC entry 3429 (class 0 OID 16878)
-- Dependencies: 228
-- Data for Name: new line; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3429.dat
--

COPY public."new
line" (a) FROM stdin;
1
2
\.


--
-- TOC entry 3421 (class 0 OID 16817)
-- Dependencies: 218
-- Data for Name: nothing; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3421.dat
--

COPY public.nothing  FROM stdin;



\.


--
-- TOC entry 3424 (class 0 OID 16826)
-- Dependencies: 221
-- Data for Name: one_text; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3424.dat
--

COPY public.one_text (t) FROM stdin;
.
\\
\\.

-- PostgreSQL database dump complete
\\unrestrict x
'
\.


--
-- TOC entry 3426 (class 0 OID 16839)
-- Dependencies: 224
-- Data for Name: parted_1; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3426.dat
--

COPY public.parted_1 (a, b) FROM stdin;
0	0
1	1
2	2
3	3
4	4
5	5
6	6
7	7
8	8
9	9
\.


--
-- TOC entry 3427 (class 0 OID 16844)
-- Dependencies: 225
-- Data for Name: parted_2; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3427.dat
--

COPY public.parted_2 (a, b) FROM stdin;
10	10
11	11
12	12
13	13
14	14
15	15
16	16
17	17
18	18
19	19
\.


--
-- TOC entry 3423 (class 0 OID 16823)
-- Dependencies: 220
-- Data for Name: table; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3423.dat
--

COPY public."table" (a) FROM stdin;
1
\.


--
-- TOC entry 3425 (class 0 OID 16831)
-- Dependencies: 222
-- Data for Name: таблица_ü; Type: TABLE DATA; Schema: public; Owner: postgres
-- File: 3425.dat
--

COPY public."таблица_ü" (a) FROM stdin;
$$
$_$
\.


--
-- TOC entry 3444 (class 0 OID 0)
-- Dependencies: 215
-- Name: User_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public."User_id_seq"', 7, true);


--
-- TOC entry 3434 (class 0 OID 0)
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
-- File: blobs.toc
--

BEGIN;

SELECT pg_catalog.lo_open('4242', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c2700ff5c27');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('4243', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- TOC entry 3271 (class 2606 OID 16811)
-- Dependencies: 216
-- Name: User User_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public."User"
    ADD CONSTRAINT "User_pkey" PRIMARY KEY (id);


--
-- TOC entry 3414 (class 2618 OID 16853)
-- Dependencies: 219 219 219 220 219
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
-- TOC entry 3416 (class 0 OID 16804)
-- Dependencies: 216
-- Name: User; Type: ROW SECURITY; Schema: public; Owner: postgres
--

ALTER TABLE public."User" ENABLE ROW LEVEL SECURITY;

--
-- TOC entry 3417 (class 3256 OID 16881)
-- Dependencies: 216 216
-- Name: User p; Type: POLICY; Schema: public; Owner: postgres
--

CREATE POLICY p ON public."User" USING ((bio <> ';'::text));


--
-- TOC entry 3442 (class 0 OID 0)
-- Dependencies: 216
-- Name: TABLE "User"; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public."User" TO "ro'le";


-- Completed on 2026-11-25 02:23:54 UTC

--
-- PostgreSQL database dump complete
--

\unrestrict hVjiXU2E5I0df1h5MDGioOJz7MbbYaoKkHH0WCSLb8Ph4BorYcyMHjqVR5BB9L9

