--
-- PostgreSQL database dump
--

\restrict eyGbuixKFj4YakEfrPUuyy8z6I8h7fX1g8QkpTFgAKlUe4ajryq8bvZCKLoZnzr

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'SJIS';
SET standard_conforming_strings = off;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET escape_string_warning = off;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: 表; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."表" (
    a text,
    "能力" text
);


ALTER TABLE public."表" OWNER TO postgres;

--
-- Name: TABLE "表"; Type: COMMENT; Schema: public; Owner: postgres
--

COMMENT ON TABLE public."表" IS '予''表';


--
-- Data for Name: 表; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public."表" VALUES ('表', 'ソ''能\\');
INSERT INTO public."表" VALUES ('\\表', 'ｱﾊﾟｰﾄ');


--
-- PostgreSQL database dump complete
--

\unrestrict eyGbuixKFj4YakEfrPUuyy8z6I8h7fX1g8QkpTFgAKlUe4ajryq8bvZCKLoZnzr

