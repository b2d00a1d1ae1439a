--
-- PostgreSQL database cluster dump
--

\restrict WkQR80DJrDrwPoh5JYlX28YQOhqBw4qK93GCOQ44SZZzvPbaAKVoye29VoMMhY8

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;
CREATE ROLE "ro'le";
ALTER ROLE "ro'le" WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;

--
-- User Configurations
--








\unrestrict WkQR80DJrDrwPoh5JYlX28YQOhqBw4qK93GCOQ44SZZzvPbaAKVoye29VoMMhY8

--
-- Databases
--

--
-- Database "template1" dump
--

\connect template1

--
-- PostgreSQL database dump
--

\restrict Zom6iLjdoEBNVBctLOZ5m4UWOYgghuX60LBfeMeQkBgeDGUtir4aimsuIkkVApM

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

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
-- PostgreSQL database dump complete
--

\unrestrict Zom6iLjdoEBNVBctLOZ5m4UWOYgghuX60LBfeMeQkBgeDGUtir4aimsuIkkVApM

--
-- Database "odd "db" dump
--

--
-- PostgreSQL database dump
--

\restrict V2awoLTFJQ00fZFIkLTKoKUdZaVVLqag06yzQHu12SpQZ9obG3zBX41masfkIlx

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

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
-- Name: odd "db; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE "odd ""db" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE "odd ""db" OWNER TO postgres;

\unrestrict V2awoLTFJQ00fZFIkLTKoKUdZaVVLqag06yzQHu12SpQZ9obG3zBX41masfkIlx
\encoding SQL_ASCII
\connect -reuse-previous=on "dbname='odd ""db'"
\restrict V2awoLTFJQ00fZFIkLTKoKUdZaVVLqag06yzQHu12SpQZ9obG3zBX41masfkIlx

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

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Order; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."Order" (
    id integer
);


ALTER TABLE public."Order" OWNER TO postgres;

--
-- Data for Name: Order; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public."Order" (id) FROM stdin;
1
\.


--
-- PostgreSQL database dump complete
--

\unrestrict V2awoLTFJQ00fZFIkLTKoKUdZaVVLqag06yzQHu12SpQZ9obG3zBX41masfkIlx

--
-- Database "postgres" dump
--

\connect postgres

--
-- PostgreSQL database dump
--

\restrict 3OT4vXqi7FpStzInCJ1UEkSgT3csMjoTZMuW3Obn3JksmwKAED7amzmRRVcaBgs

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

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
-- PostgreSQL database dump complete
--

\unrestrict 3OT4vXqi7FpStzInCJ1UEkSgT3csMjoTZMuW3Obn3JksmwKAED7amzmRRVcaBgs

--
-- Database "shop" dump
--

--
-- PostgreSQL database dump
--

\restrict 38NwSTm4qbJur6WIOJpHPd76G5JUI9gJXyU5G4DeWmd07YK9MPkzKMDaXqSXRmv

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

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
-- Name: shop; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE shop OWNER TO postgres;

\unrestrict 38NwSTm4qbJur6WIOJpHPd76G5JUI9gJXyU5G4DeWmd07YK9MPkzKMDaXqSXRmv
\connect shop
\restrict 38NwSTm4qbJur6WIOJpHPd76G5JUI9gJXyU5G4DeWmd07YK9MPkzKMDaXqSXRmv

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

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Order; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public."Order" (
    id integer,
    note text
);


ALTER TABLE public."Order" OWNER TO postgres;

--
-- Data for Name: Order; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public."Order" (id, note) FROM stdin;
1	\N
2	it's
\.


--
-- PostgreSQL database dump complete
--

\unrestrict 38NwSTm4qbJur6WIOJpHPd76G5JUI9gJXyU5G4DeWmd07YK9MPkzKMDaXqSXRmv

--
-- PostgreSQL database cluster dump complete
--

