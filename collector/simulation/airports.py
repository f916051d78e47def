"""The airports of the simulated network: real places, busy ones first.

Position and elevation come from `airportsdata`. Listed are airports where these are sound, each
with the prefix under which the sector round it logs on: EDDF lies in EDGG_CTR.
"""

from dataclasses import dataclass
from functools import cache

import airportsdata
import numpy as np

from collector.simulation.columns import Flags, Floats, Integers
from collector.simulation.sphere import distances_nm, unit_vectors

_BUSIEST_FIRST = """
EGLL:LON EHAM:EHAA EDDF:EDGG OMDB:OMAE KJFK:NY EDDM:EDMM EGCC:MAN EGKK:LON KLAX:LAX EKCH:EKDK
LSZH:LSAZ VHHH:VHHK UUEE:UUWV WSSS:WSJC LTFM:LTBB EDDL:EDGG LOWW:LOVV RPLL:RPHI KMIA:MIA
YSSY:BN-MLD LFPG:LFFF ESSA:ESOS ENGM:ENOS EFHK:EFIN EDDB:EDWW LEMD:LECM LEPA:LECB LHBP:LHCC
KSFO:OAK KBOS:BOS KATL:ATL OTHH:OTDF RJTT:RJTG EPWA:EPWW CYYZ:TOR EGPH:SCO LGAV:LGGG
ZSPD:ZSHA LIRF:LIRR LIMC:LIMM LSGG:LSAG SBGR:SBBS LPPT:LPPC LEBL:LECB EDDS:EDGG EDDH:EDWW
KEWR:NY RJAA:RJTG YMML:ML-BLA ENBR:ENSV ULLI:ULLL ZBAA:ZBPE WIII:WIIF EDDK:EDGG KLAS:LAX
ESGG:ESMM RKSI:RKRR FACT:FACA WMKK:WMFC LOWI:LOVV LTAI:LTAA OMAA:OMAE KORD:CHI LFMN:LFMM
OEJN:OEJD LROP:LRBB VABB:VABF LFPO:LFFF GCLP:GCCC RCTP:RCAA KIAH:HOU KDFW:FTW PHNL:HCF
NZAA:NZAA BIKF:BIRD EIDW:EISN SCEL:SCEZ EGPF:SCO UUDD:UUWV EDDV:EDWW CYUL:MTL SBGL:SBBS
KIAD:DC KMSP:MSP CYVR:VAN PANC:ANC KSAN:LAX LPPR:LPPC YPPH:ML-MTK WADD:WAAF HECA:HECC
LCLK:LCCC LEIB:LECB SAEZ:SAEF MMMX:MMEX ZGGG:ZGZU LKPR:LKAA KMCO:JAX LPFR:LPPC EGBB:LON
FAOR:FAJA KDEN:DEN KSEA:SEA EVRA:EVRR LYBE:LYBA EGGD:LON HKJK:HKNA RJBB:RJBG VIDP:VIDF
EDDP:EDMM LLBG:LLLL KDTW:CLE VOBL:VOMF KFLL:MIA EGNX:LON KPHX:ABQ EGSS:LON UUWW:UUWV KCLT:ATL
LFLL:LFMM LFML:LFMM LFBO:LFBB LFBD:LFBB LEMG:LECS LEAL:LECB LEVC:LECB LIPZ:LIMM LIME:LIMM
LIRN:LIRR LICC:LIRR LGTS:LGGG LBSF:LBSR LDZA:LDZO LJLJ:LJLA LZIB:LZBB EYVI:EYVL EETN:EETT
EPKK:EPWW EPGD:EPWW EDDN:EDMM EDDW:EDWW LOWS:LOVV LSZB:LSAZ EGLC:LON EGNT:LON EGGW:LON
EGPD:SCO EICK:EISN ENVA:ENOR ENZV:ENSV EKBI:EKDK ESGP:ESMM EFRO:EFIN KPHL:NY KBWI:DC KDCA:DC
KLGA:NY KTPA:JAX KMSY:HOU KAUS:HOU KMCI:KC KSTL:KC KMEM:MEM KBNA:MEM KIND:IND KCVG:IND
KPIT:CLE KCLE:CLE KSLC:SLC KPDX:SEA KSMF:OAK KSJC:OAK KRDU:DC KMKE:CHI KABQ:ABQ CYYC:EDM
CYOW:MTL CYHZ:MCN CYWG:WPG MMUN:MMID TJSJ:SJU MKJP:MKJK MROC:MHCC MPTO:MPZL SKBO:SKED
SBBR:SBBS SUMU:SUEO DNMM:DNKK GMMN:GMMM DTTA:DTTC DAAG:DAAA FIMP:FIMM OEDF:OEJD OERK:OEJD
OBBI:OBBB OOMS:OOMM OPKC:OPKR OIIE:OIIX UBBB:UBBA UAAA:UAAA VCBI:VCCF VTSP:VTBB VVTS:VVHM
VVNB:VVHN ZSSS:ZSHA ZUUU:ZPKM RKPC:RKRR RJFF:RJDG RJCC:RJTG RODN:RJDG WBKK:WBFC YBBN:BN-BUR
YPAD:ML-MUN YBCS:BN-BAR YSCB:ML-BIK YMHB:ML-BLA NZWN:NZCH-K NZCH:NZCH-S NFFN:NFFF AYPY:AYPM
"""


@dataclass(frozen=True)
class Airports:
    """Columns of equal length, busiest airport first; elevations in feet."""

    icao: tuple[str, ...]
    centre: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    elevation_ft: Floats
    vectors: Floats
    nearest: Integers  # the airport next to each

    @property
    def american(self) -> Flags:
        """Which of them are in the United States or Canada."""
        return np.array([icao[0] in "KC" for icao in self.icao])


@cache
def busiest_airports() -> Airports:
    """The listed airports, as far as the installed `airportsdata` knows them."""
    known = airportsdata.load("ICAO")
    pairs = [pair.split(":") for pair in _BUSIEST_FIRST.split()]
    listed = [(known[icao], centre) for icao, centre in pairs if icao in known]
    latitude = np.array([place["lat"] for place, _ in listed])
    longitude = np.array([place["lon"] for place, _ in listed])
    vectors = unit_vectors(latitude, longitude)
    return Airports(
        icao=tuple(place["icao"] for place, _ in listed),
        centre=tuple(centre for _, centre in listed),
        latitude=latitude,
        longitude=longitude,
        elevation_ft=np.array([float(place["elevation"]) for place, _ in listed]),
        vectors=vectors,
        nearest=np.argsort(distances_nm(vectors[:, None], vectors), axis=1)[:, 1],
    )
